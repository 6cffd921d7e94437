import { type Summary, summarise } from './statistics.ts'

/** One contender in one cell of one round. `values` holds what was measured, by metric name. */
export interface Measurement {
  contender: string
  /** What varies inside a suite, such as the number of connections; '' when nothing does. */
  cell: string
  round: number
  /** Why it counts for nothing: it did not run, ran out of time or did not pass verification. */
  error?: string
  values: Record<string, number>
}

/** How a metric is shown, and how two contenders are compared by it. */
export interface Metric {
  key: string
  header: string
  digits: number
  /** Shown as a ratio of ours to the peer's when set. */
  ratio?: string
}

/** What a suite has to show, and whether it did. */
export interface Gate {
  text: string
  isMet: boolean
}

/** Everything one suite found, ready for the tables and for the JSON file. */
export interface SuiteResult {
  suite: string
  title: string
  notes: string[]
  metrics: Metric[]
  /** The contender that the ratios are of. */
  ours: string
  /** A contender that is no peer but a limit (bare undici): ratios of everybody to it are shown too. */
  ceiling?: string
  measurements: Measurement[]
  gates?: Gate[]
}

/** A contender's figures in one cell over all rounds, in order of first appearance. */
export interface Line {
  contender: string
  cell: string
  /** Reasons of the rounds that failed. */
  errors: string[]
  rounds: Measurement[]
}

/** Groups measurements by cell, then contender. */
export function linesOf(measurements: readonly Measurement[]): Line[] {
  const lines = new Map<string, Line>()
  const cells = [...new Set(measurements.map((m) => m.cell))]
  const contenders = [...new Set(measurements.filter((m) => m.round === 0).map((m) => m.contender))]
  for (const cell of cells) {
    for (const contender of contenders) {
      const rounds = measurements.filter((m) => m.cell === cell && m.contender === contender)
      if (rounds.length === 0) continue
      const errors = rounds.flatMap((m) => (m.error === undefined ? [] : [m.error]))
      lines.set(`${cell}/${contender}`, {
        contender,
        cell,
        errors,
        rounds: rounds.filter((m) => m.error === undefined),
      })
    }
  }
  return [...lines.values()]
}

/** Median and extremes of one metric of a line. */
export function metricOf(line: Line, key: string): Summary | undefined {
  return summarise(line.rounds.map((m) => m.values[key] ?? Number.NaN).filter(Number.isFinite))
}

/**
 * Ratio of one line to another, taken inside each round (absolute rates drift between rounds; the ratio
 * inside one does so much less), then summarised.
 */
export function ratioOf(numerator: Line, denominator: Line, key: string): Summary | undefined {
  const ratios = numerator.rounds.flatMap((ours) => {
    const theirs = denominator.rounds.find((m) => m.round === ours.round)?.values[key]
    const own = ours.values[key]
    if (own === undefined || theirs === undefined) return []
    const ratio = own / theirs
    return Number.isFinite(ratio) ? [ratio] : []
  })
  return summarise(ratios)
}
