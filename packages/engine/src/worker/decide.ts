import { type FailureClass, nextDelayMs, type Random, type RetryPolicy } from '@posthorn/core'
import type { DeadLetterReason, DeliveryOutcome } from '@posthorn/db'
import type { DispatchResult } from '@posthorn/dispatcher'

/** How long a delivery rests when the fault was our own. */
const OWN_FAULT_DELAY_MS = 30_000
/** A delivery that was claimed this often without an outcome kills whoever takes it. */
export const MAX_LOST_CLAIMS = 10

/** What the decision depends on beside the result. Times are the database's, epoch milliseconds. */
export interface Circumstances {
  readonly attemptCount: number
  readonly maxAttempts: number
  readonly retry: RetryPolicy
  readonly nowMs: number
  readonly expiresAtMs: number
  readonly random: Random
}

/** What becomes of a delivery. */
export interface Decision {
  readonly next: DeliveryOutcome['next']
  readonly delayMs: number
  readonly attemptCount: number
  readonly failure: FailureClass | null
  readonly error: string | null
  readonly reason: DeadLetterReason | null
}

/** What becomes of a delivery after a request was made for it. Pure. */
export function decide(result: DispatchResult, at: Circumstances): Decision {
  const failure = result.failure ?? null
  const error = result.errorMessage ?? null
  if (result.verdict === 'requeue') {
    const delayMs = failure === 'shutdown' ? 0 : OWN_FAULT_DELAY_MS
    return { next: 'pending', delayMs, attemptCount: at.attemptCount, failure, error, reason: null }
  }
  const attemptCount = at.attemptCount + 1
  if (result.verdict === 'success') {
    return { next: 'delivered', delayMs: 0, attemptCount, failure: null, error: null, reason: null }
  }
  if (result.verdict === 'permanent') {
    const reason = failure === 'blocked' ? 'blocked' : 'permanent'
    return { next: 'dead', delayMs: 0, attemptCount, failure, error, reason }
  }
  const delayMs = nextDelayMs(at.retry, attemptCount, {
    random: at.random,
    maxAttempts: at.maxAttempts,
    ...(result.retryAfterMs !== undefined && { retryAfterMs: result.retryAfterMs }),
  })
  if (delayMs === null)
    return { next: 'failed', delayMs: 0, attemptCount, failure, error, reason: 'exhausted' }
  if (at.nowMs + delayMs >= at.expiresAtMs) {
    return { next: 'dead', delayMs: 0, attemptCount, failure, error, reason: 'expired' }
  }
  return { next: 'pending', delayMs, attemptCount, failure, error, reason: null }
}

/** Why a claimed delivery is over before a request is made; undefined: it is to be sent. */
export function decideUnsent(at: {
  readonly claimCount: number
  readonly attemptCount: number
  readonly nowMs: number
  readonly expiresAtMs: number
  /** while it was being tried by a worker that was lost */
  readonly cancelRequested: boolean
}): Decision | undefined {
  if (at.cancelRequested) {
    return {
      next: 'cancelled',
      delayMs: 0,
      attemptCount: at.attemptCount,
      failure: null,
      error: null,
      reason: null,
    }
  }
  if (at.claimCount > MAX_LOST_CLAIMS) {
    const error = `Its worker was lost ${MAX_LOST_CLAIMS} times in a row while it was being tried.`
    return dead('poisoned', error, at.attemptCount)
  }
  if (at.nowMs >= at.expiresAtMs)
    return dead('expired', 'It could not be delivered in time.', at.attemptCount)
  return undefined
}

/** What becomes of a delivery whose event is not there any more. */
export const eventGone = (attemptCount: number): Decision =>
  dead('permanent', 'Its event is gone.', attemptCount)

function dead(reason: DeadLetterReason, error: string, attemptCount: number): Decision {
  return { next: 'dead', delayMs: 0, attemptCount, failure: null, error, reason }
}
