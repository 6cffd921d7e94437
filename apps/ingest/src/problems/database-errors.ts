import { isConnectionLoss, isContention, isDataError, sqlState } from '@posthorn/db'

/** How deep a chain of causes is followed; a chain that leads back to itself ends there. */
const MAX_CAUSES = 5
const QUERY_CANCELED = '57014'

/**
 * Whether an error, or what caused it, says that the database cannot be reached or takes nothing just now: no
 * connection, starting, stopping, full, read-only, a statement that was cancelled from outside, or others in the way.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  return causesOf(error).some(
    (cause) => isConnectionLoss(cause) || isContention(cause) || sqlState(cause) === QUERY_CANCELED,
  )
}

/** Whether PostgreSQL refused the data themselves (class 22) or their size (class 54): the input is at fault. */
export function isDataRefused(error: unknown): boolean {
  return causesOf(error).some(isDataError)
}

/** An error and what caused it, the outermost first; the failures of an attempt at several addresses too. */
export function causesOf(error: unknown): object[] {
  const causes: object[] = []
  let current: unknown = error
  while (typeof current === 'object' && current !== null && causes.length < MAX_CAUSES) {
    causes.push(current)
    if (current instanceof AggregateError)
      causes.push(...current.errors.filter((inner) => typeof inner === 'object'))
    current = (current as { cause?: unknown }).cause
  }
  return causes
}
