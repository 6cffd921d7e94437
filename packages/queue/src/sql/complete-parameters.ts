import type { Outcome } from '../types.ts'

/** Reason of a row that took its workers with it: no try of it ended. */
export const poisoned = 'poisoned'

/** Parameters of `completeSql`: ids, tokens, kinds, delays in ms, burnt attempts, reasons. */
export function completionParameters(outcomes: readonly Outcome<unknown>[]): unknown[] {
  const columns: [string[], string[], string[], number[], number[], (string | null)[]] = [
    [],
    [],
    [],
    [],
    [],
    [],
  ]
  for (const outcome of outcomes) {
    columns[0].push(outcome.id)
    columns[1].push(outcome.leaseToken)
    columns[2].push(outcome.kind)
    columns[3].push(outcome.kind === 'retry' ? outcome.delayMs : 0)
    columns[4].push(burnt(outcome) ? 1 : 0)
    columns[5].push(outcome.kind === 'bury' ? outcome.reason.replaceAll('\0', '') : null)
  }
  return columns
}

function burnt(outcome: Outcome<unknown>): boolean {
  if (outcome.kind === 'retry') return outcome.burnAttempt
  return outcome.kind === 'bury' && outcome.reason !== poisoned
}
