import { nextDelayMs, type Random, type RetryPolicy } from '@posthorn/core'

/** A call resolves at the latest this many milliseconds after its timeout. */
export const GRACE_MS = 500

/** Kept back of the grace, for timers that fire late in a busy process. */
export const MARGIN_MS = 100

/** With less time than this left no request is made: it could only fail. */
export const LEAST_REQUEST_MS = 10

/** How long a request is waited for that should have ended by itself, as every dispatcher's does. */
export const OVERRUN_MS = 100

/** The longest wait for what stands beside the call (circuit, cache) before the call goes on without it. */
export const SIDE_STEP_MS = 250

/** A timeout says something about the app only if it had at least this share of its own timeout. */
const FAIR_SHARE = 0.5

/**
 * The arithmetic of one call's time. All in milliseconds since the call began; nothing here reads a clock, so that
 * `elapsedMs` of any clock gives the same answers.
 *
 * ```
 * 0                                         timeoutMs        + GRACE_MS − MARGIN_MS   + GRACE_MS
 * |-- app record, cache, circuit, attempts ----|-- fallback ----------|-- null -----------|
 * ```
 */
export class Deadline {
  /** When the app's answer no longer counts. */
  readonly timeoutMs: number

  /**
   * @param timeoutMs what the manifest, or the default, gives the call
   * @param budgetMs what is left of the operation that the call belongs to; without one, no limit
   */
  constructor(timeoutMs: number, budgetMs: number = Number.POSITIVE_INFINITY) {
    this.timeoutMs = Math.max(0, Math.min(timeoutMs, budgetMs))
  }

  /** What is left for the app, never below 0. */
  leftMs(elapsedMs: number): number {
    return Math.max(0, this.timeoutMs - elapsedMs)
  }

  /** What a request may take that is made now; undefined if none is worth making. */
  requestMs(elapsedMs: number): number | undefined {
    const left = Math.floor(this.leftMs(elapsedMs))
    return left < LEAST_REQUEST_MS ? undefined : left
  }

  /** How long to wait for something that the call can do without. */
  sideStepMs(elapsedMs: number): number {
    return Math.min(SIDE_STEP_MS, this.leftMs(elapsedMs))
  }

  /** What a fallback may take that begins now. It always has something: that of the grace which is not the margin. */
  fallbackMs(elapsedMs: number): number {
    return Math.max(0, this.timeoutMs + GRACE_MS - MARGIN_MS - elapsedMs)
  }

  /**
   * The wait before the next attempt after `failedAttempts`; undefined when the tries are used up, or when too little
   * time would be left afterwards.
   */
  retryDelayMs(
    elapsedMs: number,
    policy: RetryPolicy,
    failedAttempts: number,
    options: { readonly random: Random; readonly retryAfterMs: number | undefined },
  ): number | undefined {
    const { random, retryAfterMs } = options
    const delay = nextDelayMs(policy, failedAttempts, {
      random,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
    if (delay === null || this.requestMs(elapsedMs + delay) === undefined) return undefined
    return delay
  }
}

/**
 * Whether a request that timed out tells something about its app: not if it was made late, or within the last of an
 * operation's budget, and had much less time than the app was promised.
 */
export function isFairTimeout(requestMs: number, timeoutMs: number): boolean {
  return requestMs >= timeoutMs * FAIR_SHARE
}
