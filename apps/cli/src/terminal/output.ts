import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Where a command writes: results to standard output, everything about them to standard error. */
export interface Output {
  /** one JSON value a line instead of text for people */
  readonly json: boolean
  /** The result: `value` with `--json`, else `text`. */
  result(value: unknown, text: string): void
  /** A line for people; nothing with `--json`. */
  line(text?: string): void
  /** A remark on standard error. */
  note(text: string): void
}

/** Output for a command with or without `--json`. */
export function createOutput(json: boolean): Output {
  return {
    json,
    result: (value, text) => write(json ? JSON.stringify(value) : text),
    line: (text = '') => {
      if (!json) write(text)
    },
    note: (text) => void process.stderr.write(`${text}\n`),
  }
}

const write = (text: string): void => void process.stdout.write(`${text}\n`)

/** Text in colour where standard output is a terminal, `NO_COLOR` is not set, or `FORCE_COLOR` is. */
export function paint(format: Format, text: string, stream: NodeJS.WritableStream = process.stdout): string {
  return styleText(format, text, { stream: stream as NodeJS.WriteStream })
}

/** Rows as aligned columns; numbers and texts alike to the left. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd((widths[index] ?? 0) + gap)))
      .join('')
  return rows.map(line).join('\n')
}
