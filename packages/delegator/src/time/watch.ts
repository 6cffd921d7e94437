import type { Timers } from './timers.ts'

/** What a wait that took too long gives. */
export const TIMED_OUT: unique symbol = Symbol('posthorn.timedOut')
/** See {@link TIMED_OUT}. */
export type TimedOut = typeof TIMED_OUT

/** Whether something has to be waited for. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * Waits for `work`, but no longer than `ms` milliseconds. The timer is gone when it returns, and what the work does
 * later is ignored, a rejection too.
 */
export function within<T>(timers: Timers, work: PromiseLike<T>, ms: number): Promise<T | TimedOut> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(Math.max(0, ms), () => resolve(TIMED_OUT))
    work.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error) => {
        cancel()
        reject(error)
      },
    )
  })
}

/**
 * The waits of one call, ended early when its caller gives up: one listener on the caller's signal, however many waits
 * there are, and none after {@link end}.
 */
export class Watch {
  /** Fires when the caller gives up, or when {@link abandon} is called; for whatever is under way. */
  readonly #controller = new AbortController()
  readonly #timers: Timers
  readonly #callers: AbortSignal | undefined
  readonly #onAbort = () => this.#giveUp()
  #reject: ((reason: unknown) => void) | undefined

  /** @throws the signal's reason, if it has fired already */
  constructor(timers: Timers, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.#timers = timers
    this.#callers = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /**
   * As {@link within}, one wait at a time.
   *
   * @throws the reason of the caller's signal, as soon as it fires
   */
  wait<T>(work: PromiseLike<T>, ms: number): Promise<T | TimedOut> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        cancel()
        this.#reject = undefined
        settle()
      }
      const cancel = this.#timers.after(Math.max(0, ms), () => finish(() => resolve(TIMED_OUT)))
      this.#reject = (reason) => finish(() => reject(reason))
      work.then(
        (value) => finish(() => resolve(value)),
        (error) => finish(() => reject(error)),
      )
      if (this.#callers?.aborted) this.#giveUp()
    })
  }

  /** Lets `ms` milliseconds pass. @throws the reason of the caller's signal, as soon as it fires */
  async pause(ms: number): Promise<void> {
    await this.wait(new Promise<never>(() => {}), ms)
  }

  /** Tells whatever is still under way that nobody waits for it. */
  abandon(reason: Error): void {
    this.#controller.abort(reason)
  }

  /** Takes the listener off the caller's signal. */
  end(): void {
    this.#callers?.removeEventListener('abort', this.#onAbort)
  }

  #giveUp(): void {
    this.#controller.abort(this.#callers?.reason)
    this.#reject?.(this.#callers?.reason)
  }
}
