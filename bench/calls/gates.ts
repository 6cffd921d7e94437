import { type Gate, linesOf, type Measurement, metricOf } from '../report/measurements.ts'
import { summarise } from '../report/statistics.ts'
import { APP_20_MS, APP_50_MS, type Cell, OPEN_AFTER_SILENCE, OPEN_CIRCUIT, OPEN_UNPAUSED } from './cells.ts'

export const BARE = 'undici' as const
export const OURS = 'posthorn' as const
/** Calls at once. */
export const IN_FLIGHT = 100

const MOST_ADDED = { p50: 1, p99: 5 }
const LONGEST_CHECK_MS = 5

/**
 * What a call may cost. "100 at once" may be read as 100 callers with processor time to spare, or as 100 that keep the
 * machine busy, where every call also waits for the work of the others; both are shown.
 */
export function gatesOf(measurements: readonly Measurement[]): Gate[] {
  return [
    ...addedBy(measurements, APP_50_MS),
    ...addedBy(measurements, APP_20_MS),
    ...[OPEN_CIRCUIT, OPEN_UNPAUSED, OPEN_AFTER_SILENCE].map((cell) => checkOf(measurements, cell)),
  ]
}

function addedBy(measurements: readonly Measurement[], { name }: Cell): Gate[] {
  return (['p50', 'p99'] as const).map((key) => {
    const values = (contender: string, round: number) =>
      measurements.find((m) => m.contender === contender && m.cell === name && m.round === round)?.values[key]
    const rounds = measurements.filter((m) => m.contender === OURS && m.cell === name)
    // Inside each round: from one to the next the machine has other things to do.
    const added = rounds
      .map(({ round, values: own }) => (own[key] ?? Number.NaN) - (values(BARE, round) ?? Number.NaN))
      .filter(Number.isFinite)
    const { median = Number.NaN, min = Number.NaN, max = Number.NaN } = summarise(added) ?? {}
    return {
      text:
        `${name}: a call costs at most ${MOST_ADDED[key]} ms more than bare undici at ${key}: ` +
        `${median.toFixed(2)} ms (${min.toFixed(2)} to ${max.toFixed(2)})`,
      isMet: median <= MOST_ADDED[key],
    }
  })
}

function checkOf(measurements: readonly Measurement[], { name }: Cell): Gate {
  const line = linesOf(measurements).find((each) => each.contender === OURS && each.cell === name)
  const p99 = (line && metricOf(line, 'p99')?.median) ?? Number.NaN
  return {
    text: `${name}: the answer is there within ${LONGEST_CHECK_MS} ms at p99: ${p99.toFixed(2)} ms`,
    isMet: p99 <= LONGEST_CHECK_MS,
  }
}
