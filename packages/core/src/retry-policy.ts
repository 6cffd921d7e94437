/**
 * How a wait is spread, for a base delay of `d`: `none` d; `full` 0…d; `equal` d/2…d; `positive`
 * d…1.1 d (only adds); `decorrelated` first wait … 3 × the previous one, within the largest wait.
 */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none' | 'positive'

/** When to try again, and when to stop. Plain JSON; all times in milliseconds. */
export type RetryPolicy = SchedulePolicy | ExponentialPolicy

/** Waits given one by one; the last one repeats when there are more attempts than waits. */
export interface SchedulePolicy {
  kind: 'schedule'
  /** Waits between tries. The first try is immediate. */
  delays: readonly number[]
  /** Tries altogether, the first one included. */
  maxAttempts: number
  jitter: Jitter
  /** Nothing is tried again when it is older than this. */
  maxAgeMs: number
}

/** The n-th wait is `initialDelayMs × backoffMultiplier^(n-1)`, at most `maxDelayMs`. */
export interface ExponentialPolicy {
  kind: 'exponential'
  initialDelayMs: number
  maxDelayMs: number
  backoffMultiplier: number
  /** Tries altogether, the first one included. */
  maxAttempts: number
  jitter: Jitter
  /** Nothing is tried again when it is older than this. */
  maxAgeMs: number
}

export const JITTERS: readonly Jitter[] = ['full', 'equal', 'decorrelated', 'none', 'positive']

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Bounds of what a policy may ask for. */
export const RETRY_LIMITS = Object.freeze({
  maxAttempts: 1000,
  maxDelays: 1000,
  maxDelayMs: 30 * DAY,
  maxBackoffMultiplier: 100,
  maxAgeMs: 365 * DAY,
})

/** The age at which a delivery is given up, unless its schedule takes longer. */
export const DEFAULT_MAX_AGE_MS: number = 3 * DAY

/** Longest wait that a receiver's `Retry-After` can ask for. */
export const MAX_RETRY_AFTER_MS: number = HOUR

const POSITIVE_SPREAD = 0.1
const DECORRELATED_FACTOR = 3
/** A schedule without waits has nothing to repeat when an operator grants more tries. */
const FALLBACK_DELAY_MS = MINUTE

/** Name of a ready-made policy. */
export type RetryPresetName = 'default' | 'standard-webhooks' | 'call' | 'spool'

function schedule(delays: readonly number[]): SchedulePolicy {
  const policy = { kind: 'schedule', delays: Object.freeze(delays), jitter: 'positive' } as const
  return withAge({ ...policy, maxAttempts: delays.length + 1 })
}

/** The policy with its age: as given, or three days, or its span when that is longer. */
export function withAge<P extends RetryPolicy>(policy: Omit<P, 'maxAgeMs'> & { maxAgeMs?: number }): P {
  const aged = { ...policy, maxAgeMs: policy.maxAgeMs ?? DEFAULT_MAX_AGE_MS } as P
  return policy.maxAgeMs === undefined
    ? { ...aged, maxAgeMs: Math.max(DEFAULT_MAX_AGE_MS, policySpanMs(aged)) }
    : aged
}

/** The wait before try `failedAttempts + 1`, before jitter. */
export function baseDelayMs(policy: RetryPolicy, failedAttempts: number): number {
  const index = Math.max((Math.floor(failedAttempts) || 0) - 1, 0)
  if (policy.kind === 'schedule') {
    return policy.delays[Math.min(index, policy.delays.length - 1)] ?? FALLBACK_DELAY_MS
  }
  if (policy.initialDelayMs === 0) return 0
  return Math.min(policy.maxDelayMs, Math.round(policy.initialDelayMs * policy.backoffMultiplier ** index))
}

/** The shortest and longest wait that jitter makes of the wait after `failedAttempts` tries. */
export function delayBoundsMs(
  policy: RetryPolicy,
  failedAttempts: number,
  previousDelayMs?: number,
): { least: number; most: number } {
  const base = baseDelayMs(policy, failedAttempts)
  switch (policy.jitter) {
    case 'none':
      return { least: base, most: base }
    case 'full':
      return { least: 0, most: base }
    case 'equal':
      return { least: Math.ceil(base / 2), most: base }
    case 'positive':
      return { least: base, most: base + Math.floor(base * POSITIVE_SPREAD) }
    case 'decorrelated': {
      const first = baseDelayMs(policy, 1)
      const cap = policy.kind === 'exponential' ? policy.maxDelayMs : Math.max(first, ...policy.delays)
      const previous = Math.max(previousDelayMs ?? first, first)
      return { least: first, most: Math.max(first, Math.min(cap, previous * DECORRELATED_FACTOR)) }
    }
  }
}

/** The longest time from the first try to the last that the policy's waits can take, jitter included. */
export function policySpanMs(policy: RetryPolicy): number {
  let span = 0
  let previous: number | undefined
  for (let failed = 1; failed < policy.maxAttempts; failed++) {
    previous = delayBoundsMs(policy, failed, previous).most
    span += previous
  }
  return span
}

/**
 * Ready-made policies. `default`: 1, 2, 4, 8 min. `standard-webhooks`: the example schedule of the
 * Standard Webhooks specification. `call`: synchronous and asynchronous calls. `spool`: the hook client.
 */
export const RETRY_PRESETS: Readonly<Record<RetryPresetName, RetryPolicy>> = Object.freeze({
  default: Object.freeze(schedule([1, 2, 4, 8].map((n) => n * MINUTE))),
  'standard-webhooks': Object.freeze(
    schedule([5 * SECOND, 5 * MINUTE, 30 * MINUTE, ...[2, 5, 10, 14, 20, 24].map((n) => n * HOUR)]),
  ),
  call: Object.freeze(
    withAge<ExponentialPolicy>({
      kind: 'exponential',
      initialDelayMs: SECOND,
      maxDelayMs: 30 * SECOND,
      backoffMultiplier: 2,
      maxAttempts: 3,
      jitter: 'positive',
    }),
  ),
  spool: Object.freeze(schedule([MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR])),
})
