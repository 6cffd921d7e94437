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

// What `pg` says of lost connections and ended pools has no code.
const CONNECTION_WORDS =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after calling end|Query read timeout|There was an error establishing an SSL connection)/i

/** There is no connection, or the server is going down, starting, full or read-only: it may work again later. */
export function isConnectionLoss(error: unknown): boolean {
  // Before the codes of PostgreSQL, whose form EPIPE has.
  if (CONNECTION_CODES.has(String((error as { code?: unknown } | null)?.code))) return true
  const state = sqlState(error)
  if (state) return /^(08|57P|53|25006)/.test(state)
  return error instanceof Error && CONNECTION_WORDS.test(error.message)
}
