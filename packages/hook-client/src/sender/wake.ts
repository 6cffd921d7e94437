/** Waits, so that a test can bring its own time. Resolves early when the signal aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** Waits on this process's timers. */
export const systemPause: Pause = (ms, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, 2 ** 31 - 1))
    signal.addEventListener('abort', done, { once: true })
  })

/** Lets a loop sleep until something happens. A knock while nobody sleeps is kept for the next sleep. */
export class Wake {
  readonly #pause: Pause
  #knocked = false
  #sleeper: AbortController | undefined

  constructor(pause: Pause) {
    this.#pause = pause
  }

  knock(): void {
    this.#knocked = true
    this.#sleeper?.abort()
  }

  /** Sleeps for `ms`, or until a knock. */
  async sleep(ms: number): Promise<void> {
    if (!this.#knocked) {
      this.#sleeper = new AbortController()
      await this.#pause(ms, this.#sleeper.signal)
      this.#sleeper = undefined
    }
    this.#knocked = false
  }
}
