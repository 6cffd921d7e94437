import { type Clock, type Random, systemClock } from './clock.ts'
import { PosthornError } from './errors.ts'
import { nextDelayMs } from './retry-delay.ts'
import type { RetryPolicy } from './retry-policy.ts'
import { sleep as systemSleep } from './sleep.ts'

/** What a task is told about the try it is making. */
export interface RetryContext {
  /** 1 for the first try. */
  attempt: number
  /** Aborted when the caller's signal is. */
  signal: AbortSignal
}

/** What is about to happen after a failed try. */
export interface RetryNotice {
  attempt: number
  delayMs: number
  error: unknown
}

/** How to retry. */
export interface RetryOptions {
  policy: RetryPolicy
  signal?: AbortSignal
  /** Default: errors of Posthorn say so themselves (`isRetryable`), all others are tried again. */
  shouldRetry?(error: unknown): boolean
  /** What the other side asked for, in milliseconds; see `parseRetryAfter`. */
  retryAfterMs?(error: unknown): number | undefined
  clock?: Clock
  random?: Random
  /** Waits; must not resolve early, and reject when the signal aborts. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>
  /** Called before each wait. */
  onRetry?(notice: RetryNotice): void
}

const isRetryable = (error: unknown): boolean => (PosthornError.is(error) ? error.isRetryable : true)

/**
 * Runs a task until it succeeds, its error is not worth another try, the policy's tries are used up, or
 * the next one would come after the policy's `maxAgeMs`.
 * @throws the task's last error, or the signal's reason as soon as it aborts while waiting.
 */
export async function retry<T>(
  task: (context: RetryContext) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { policy, clock = systemClock, shouldRetry = isRetryable, sleep = systemSleep } = options
  const signal = options.signal ?? new AbortController().signal
  const startedAt = clock.monotonic()
  let previousDelayMs: number | undefined
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await task({ attempt, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!shouldRetry(error)) throw error
      const retryAfterMs = options.retryAfterMs?.(error)
      const delayMs = nextDelayMs(policy, attempt, {
        ...(options.random && { random: options.random }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...(previousDelayMs !== undefined && { previousDelayMs }),
      })
      if (delayMs === null || clock.monotonic() - startedAt + delayMs > policy.maxAgeMs) throw error
      previousDelayMs = delayMs
      options.onRetry?.({ attempt, delayMs, error })
      await untilAborted(sleep(delayMs, signal), signal)
    }
  }
}

/** `work`, or the signal's reason if that comes first, also when `work` does not look at the signal. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
  })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) onAbort()
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
