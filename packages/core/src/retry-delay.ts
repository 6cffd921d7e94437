import type { Random } from './clock.ts'
import { delayBoundsMs, MAX_RETRY_AFTER_MS, type RetryPolicy } from './retry-policy.ts'

/** What else decides the next wait. */
export interface NextDelayOptions {
  /** Default `Math.random`. */
  random?: Random
  /** What the receiver asked for, see `parseRetryAfter`. */
  retryAfterMs?: number
  /** The wait before this one; only decorrelated jitter looks at it. */
  previousDelayMs?: number
  /** In place of the policy's, when an operator has granted more tries. */
  maxAttempts?: number
}

/**
 * How long to wait, in whole milliseconds, before the next try after `failedAttempts` tries; null when
 * the tries are used up. `Retry-After` is a floor applied after jitter and capped at one hour, so the
 * wait is never shorter than what the receiver asked for within that hour.
 */
export function nextDelayMs(
  policy: RetryPolicy,
  failedAttempts: number,
  options: NextDelayOptions = {},
): number | null {
  if (failedAttempts >= (options.maxAttempts ?? policy.maxAttempts)) return null
  const { random = Math.random, retryAfterMs = 0 } = options
  const { least, most } = delayBoundsMs(policy, failedAttempts, finite(options.previousDelayMs))
  const delay = least === most ? least : Math.round(least + random() * (most - least))
  if (Number.isNaN(retryAfterMs)) return delay
  return Math.max(delay, Math.min(Math.ceil(retryAfterMs), MAX_RETRY_AFTER_MS))
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined
}
