import { columns, paint } from '../src/terminal/output.ts'
import type { Audit } from './audit.ts'
import { pathOf } from './circuit-path.ts'
import type { CircuitNote } from './stack.ts'

/** What is told beside the audit. */
export interface ReportContext {
  readonly refused: readonly string[]
  /** circuit changes by the name of their receiver */
  readonly circuits: ReadonlyMap<string, readonly CircuitNote[]>
  readonly seconds: number
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
const milliseconds = (value: number): string =>
  value < 10_000 ? `${number(value)} ms` : `${(value / 1_000).toFixed(1)} s`

/** What is wrong with the outcome; empty when everything is as promised. */
export function problems(audit: Audit, refused: readonly string[]): string[] {
  return [
    ...(audit.lost > 0 ? [`${number(audit.lost)} deliveries were lost`] : []),
    ...(audit.badSignatures > 0 ? [`${number(audit.badSignatures)} signatures were wrong`] : []),
    ...(refused.length > 0
      ? [`${number(refused.length)} events were refused, the first with ${refused[0]}`]
      : []),
    ...(audit.owed !== audit.deliveries
      ? [`the service counted ${number(audit.deliveries)} deliveries where ${number(audit.owed)} are owed`]
      : []),
  ]
}

/** The report as text: a table of the receivers, then the sums. */
export function report(audit: Audit, context: ReportContext): string {
  const heading = ['receiver', 'owed', 'delivered', 'requests', 'repeats', 'lost', 'p50', 'p95']
  const rows = audit.receivers.map((each) => [
    each.name,
    ...[each.owed, each.delivered, each.requests, each.duplicates, each.lost].map(number),
    ...[each.p50, each.p95].map(milliseconds),
  ])
  const [top = '', ...rest] = table([heading, ...rows]).split('\n')
  const rule = paint('dim', '─'.repeat(Math.max(top.length, ...rest.map((line) => line.length))))
  return ['', paint('bold', top), rule, ...rest, rule, sums(audit, context), ''].join('\n')
}

function sums(audit: Audit, context: ReportContext): string {
  const lost = number(audit.lost)
  return columns([
    ['accepted', `${number(audit.events)} events, ${number(audit.deliveries)} deliveries owed`],
    ['delivered', number(audit.delivered)],
    ['retried', `${number(audit.retried)} deliveries, ${number(audit.furtherAttempts)} further attempts`],
    ['dead-lettered', number(audit.deadLettered)],
    [
      'duplicates',
      `${number(audit.duplicates)} seen by receivers, each with a webhook-id that it had taken before`,
    ],
    ['lost', audit.lost === 0 ? paint('green', lost) : paint('red', lost)],
    [
      'signatures',
      `${number(audit.signatures - audit.badSignatures)} verified, ${number(audit.badSignatures)} wrong`,
    ],
    [
      'latency',
      `p50 ${milliseconds(audit.p50)}, p95 ${milliseconds(audit.p95)}, from acknowledgement to receipt`,
    ],
    ...circuitRows(context.circuits),
    ['took', `${context.seconds.toFixed(0)} s`],
  ])
}

function circuitRows(circuits: ReportContext['circuits']): string[][] {
  const changed = [...circuits].filter(([, changes]) => changes.length > 0)
  if (changed.length === 0) return [['circuits', 'no change']]
  return changed.map(([name, changes], index) => [
    index === 0 ? 'circuits' : '',
    `${name}: ${pathOf(changes)}`,
  ])
}

/** Columns with the numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? []
  const cell = (text: string, index: number) =>
    index === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart((widths[index] ?? 0) + 2)
  return rows.map((row) => row.map(cell).join('')).join('\n')
}
