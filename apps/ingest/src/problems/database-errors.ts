const CONNECTION_CODES = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
  ],
])

// What `pg` says of lost connections and ended pools has no code.
const CONNECTION_WORDS =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Cannot use a pool after calling end|Query read timeout)/i

/** How deep a chain of causes is followed; a chain that leads back to itself ends there. */
const MAX_CAUSES = 5

/**
 * Whether an error, or what caused it, says that the database cannot be reached or takes nothing just now: no
 * connection, starting, stopping, full, read-only, or a statement that was cancelled from outside.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  return causesOf(error).some((cause) => {
    const code = String((cause as { code?: unknown }).code ?? '')
    if (CONNECTION_CODES.has(code) || /^(08...|57P0.|57014|53...|25006)$/.test(code)) return true
    return cause instanceof Error && CONNECTION_WORDS.test(cause.message)
  })
}

/** Whether PostgreSQL refused the data themselves (class 22) or their size (class 54): the input is at fault. */
export function isDataRefused(error: unknown): boolean {
  return causesOf(error).some((cause) =>
    /^(22|54)...$/.test(String((cause as { code?: unknown }).code ?? '')),
  )
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
