import { type Line, linesOf, metricOf, ratioOf, type SuiteResult } from './measurements.ts'
import { formatSummary, textTable } from './table.ts'

/** The whole report as text: for each suite what was measured, then the ratios, then what failed. */
export function renderReport(machine: Record<string, string>, results: readonly SuiteResult[]): string {
  const parts = [
    'Posthorn bench: absolute rates hold for this machine and this minute only; compare the ratios.',
    ...Object.entries(machine).map(([key, value]) => `  ${key}: ${value}`),
    ...results.map(renderSuite),
  ]
  return parts.join('\n')
}

function renderSuite(result: SuiteResult): string {
  const lines = linesOf(result.measurements)
  const measured = textTable(
    ['contender', 'rounds', ...result.metrics.map((metric) => metric.header)],
    lines.map((line) => [labelOf(line), roundsOf(line), ...figuresOf(line, result)]),
  )
  const parts = ['', `== ${result.title} ==`, ...result.notes.map((note) => `  ${note}`), '', measured]
  const ratios = renderRatios(result, lines)
  if (ratios !== '') parts.push('', ratios)
  const gates = (result.gates ?? []).map(({ text, isMet }) => `  ${isMet ? 'met' : 'NOT MET'}: ${text}`)
  if (gates.length > 0) parts.push('', ...gates)
  const failures = lines.flatMap((line) =>
    line.errors.map((error) => `  FAILED ${labelOf(line)}: ${error.split('\n', 1)[0]}`),
  )
  if (failures.length > 0) parts.push('', ...new Set(failures))
  return parts.join('\n')
}

/** `3`, or `2 of 3` when a round failed and is missing from the figures. */
function roundsOf({ rounds, errors }: Line): string {
  return errors.length === 0 ? `${rounds.length}` : `${rounds.length} of ${rounds.length + errors.length}`
}

function figuresOf(line: Line, result: SuiteResult): string[] {
  if (line.rounds.length === 0) return result.metrics.map((_, index) => (index === 0 ? 'FAILED' : ''))
  return result.metrics.map((metric) => formatSummary(metricOf(line, metric.key), metric.digits))
}

function renderRatios(result: SuiteResult, lines: readonly Line[]): string {
  const compared = result.metrics.filter((metric) => metric.ratio !== undefined)
  const header = ['ratio, inside each round', ...compared.map((metric) => metric.ratio ?? '')]
  const row = (over: Line, under: Line) => [
    `${over.contender} : ${labelOf(under)}`,
    ...compared.map((metric) => formatSummary(ratioOf(over, under, metric.key), 2)),
  ]
  const ofOurs = lines.flatMap((peer) => {
    const ours = lines.find((line) => line.contender === result.ours && line.cell === peer.cell)
    return ours === undefined || ours === peer || ours.rounds.length === 0 ? [] : [row(ours, peer)]
  })
  const ofCeiling = lines.flatMap((line) => {
    const ceiling = lines.find((other) => other.contender === result.ceiling && other.cell === line.cell)
    const isShown = ceiling !== undefined && line !== ceiling && line.contender !== result.ours
    return isShown && line.rounds.length > 0 && ceiling.rounds.length > 0 ? [row(line, ceiling)] : []
  })
  const rows = [...ofOurs, ...ofCeiling]
  return rows.length === 0 ? '' : textTable(header, rows)
}

function labelOf(line: Line): string {
  return line.cell === '' ? line.contender : `${line.contender}, ${line.cell}`
}
