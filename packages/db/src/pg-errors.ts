/** PostgreSQL's own code of an error; undefined when it did not come from there. */
export const sqlState = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

const CONTENTION = new Set(['40001', '40P01', '55P03'])

/** Another transaction was in the way: serialization failure, deadlock, or a lock not granted in time. */
export const isContention = (error: unknown): boolean => CONTENTION.has(sqlState(error) ?? '')

/** The data themselves are refused (class 22), or exceed a limit of the server (class 54): the same again fails again. */
export const isDataError = (error: unknown): boolean => /^(22|54)/.test(sqlState(error) ?? '')

/** A partition for a row does not exist: PostgreSQL reports it as a check violation, of no constraint. */
export const isMissingPartition = (error: unknown): boolean =>
  sqlState(error) === '23514' && (error as { constraint?: unknown }).constraint === undefined

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/**
 * There is no connection, or the server is going down, starting, full or read-only: it may work again later. `pg` reports
 * a lost connection as a plain error without a code.
 */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error)
  if (state) return /^(08|57P|53|25006)/.test(state)
  if (CONNECTION_CODES.has(String((error as { code?: unknown } | null)?.code))) return true
  return (
    error instanceof Error &&
    /connection|timeout exceeded when trying to connect|Client was closed|pool/i.test(error.message)
  )
}
