import type { Summary } from './statistics.ts'

/** Lays out rows as plain text columns; the first column is left-aligned, the others to the right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** `12.3 (10.1–14.0)`, `12.3` for a single round, 'n/a' for none. Thousands are grouped by a blank. */
export function formatSummary(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return 'n/a'
  const text = (value: number) =>
    value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, digits === 0 ? ' ' : '')
  if (text(summary.min) === text(summary.max)) return text(summary.median)
  return `${text(summary.median)} (${text(summary.min)}–${text(summary.max)})`
}
