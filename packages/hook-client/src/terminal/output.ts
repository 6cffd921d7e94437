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
    result: (value, text) => write(json ? JSON.stringify(value) : printable(text)),
    line: (text = '') => {
      if (!json) write(printable(text))
    },
    note: (text) => void process.stderr.write(`${printable(text)}\n`),
  }
}

const write = (text: string): void => void process.stdout.write(`${text}\n`)

const ESCAPE = String.fromCharCode(27)
/** Control characters but line ends, tabs and the sequences that only set a colour. */
const CONTROL = new RegExp(String.raw`(?!${ESCAPE}\[[\d;]*m)(?![\n\t])\p{Cc}`, 'gu')

/**
 * Text that does nothing to a terminal but appear there. What servers and tools send is shown in it, and could move the
 * cursor or set the window's title.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Text in colour where the stream is a terminal and `NO_COLOR` is not set, or `FORCE_COLOR` is. */
export function paint(format: Format, text: string, stream: NodeJS.WritableStream = process.stdout): string {
  return styleText(format, text, { stream: stream as NodeJS.WriteStream })
}

/** Rows as aligned columns. */
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

const UNITS: readonly [name: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** A length of time as people say it: `850 ms`, `12 s`, `3 h`. */
export function duration(ms: number): string {
  const [name, unit] = UNITS.find(([, size]) => ms >= size) ?? ['ms', 1]
  return `${Math.round(ms / unit)} ${name}`
}

/** A number of bytes as people say it: `312 B`, `1.5 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 3)
  return `${(bytes / 1_024 ** power).toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`
}

/** `1 event`, `3 events`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
