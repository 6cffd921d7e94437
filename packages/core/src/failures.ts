/** Why a request did not succeed. The same words in attempts, statistics, metrics and the dashboard. */
export type FailureClass =
  | 'timeout'
  | 'connection'
  | 'dns'
  | 'tls'
  | 'http_408'
  | 'http_425'
  | 'http_429'
  | 'http_5xx'
  | 'http_3xx'
  | 'http_4xx'
  | 'http_410'
  | 'blocked'
  | 'invalid_response'
  | 'internal'
  | 'shutdown'

/** What follows from an outcome. `requeue`: our own fault; try again without counting an attempt. */
export type Verdict = 'success' | 'retryable' | 'permanent' | 'requeue'

/** What an HTTP status means for a delivery. */
export type StatusClass =
  | { verdict: 'success' }
  | { verdict: 'retryable' | 'permanent'; failure: FailureClass }

const VERDICTS: Record<FailureClass, Exclude<Verdict, 'success'>> = {
  timeout: 'retryable',
  connection: 'retryable',
  dns: 'retryable',
  tls: 'retryable',
  http_408: 'retryable',
  http_425: 'retryable',
  http_429: 'retryable',
  http_5xx: 'retryable',
  http_3xx: 'permanent',
  http_4xx: 'permanent',
  http_410: 'permanent',
  blocked: 'permanent',
  invalid_response: 'permanent',
  internal: 'requeue',
  shutdown: 'requeue',
}

const COUNTED: ReadonlySet<FailureClass> = new Set<FailureClass>([
  'timeout',
  'connection',
  'dns',
  'tls',
  'http_5xx',
  'invalid_response',
])

/** Every failure class, in the order in which they are documented. */
export const FAILURE_CLASSES: readonly FailureClass[] = Object.freeze(Object.keys(VERDICTS) as FailureClass[])

/**
 * Classifies a response's status. Success is 2xx, or exactly `successCodes` when that list is given and
 * not empty. Redirects are never followed, so 3xx is permanent. A status that no final response has
 * (1xx, out of range), or a 2xx outside of `successCodes`, is an `invalid_response`.
 */
export function classifyStatus(status: number, successCodes?: readonly number[]): StatusClass {
  if (successCodes !== undefined && successCodes.length > 0) {
    if (successCodes.includes(status)) return { verdict: 'success' }
  } else if (status >= 200 && status <= 299) {
    return { verdict: 'success' }
  }
  const failure = failureOfStatus(status)
  return { verdict: VERDICTS[failure] === 'retryable' ? 'retryable' : 'permanent', failure }
}

function failureOfStatus(status: number): FailureClass {
  if (status === 408 || status === 425 || status === 429 || status === 410) return `http_${status}`
  if (status >= 500 && status <= 599) return 'http_5xx'
  if (status >= 400 && status <= 499) return 'http_4xx'
  if (status >= 300 && status <= 399) return 'http_3xx'
  return 'invalid_response'
}

/** What follows from a failure: try again, give up, or put back without counting. */
export function verdictOf(failure: FailureClass): Exclude<Verdict, 'success'> {
  return VERDICTS[failure]
}

/**
 * Whether a failure counts against the circuit: only those that show a receiver in trouble. A 4xx shows
 * a living one, and our own faults say nothing about it.
 */
export function countsForCircuit(failure: FailureClass): boolean {
  return COUNTED.has(failure)
}
