interface Waiter {
  isDone(): boolean
  resolve(): void
  reject(error: unknown): void
}

/** Those who wait for a condition that only changes when somebody says so. */
export class Waiters {
  readonly #waiting = new Set<Waiter>()
  #failure: { error: unknown } | undefined

  /**
   * Resolves as soon as `isDone()` is true, looking now and at each {@link notify}.
   * @throws what `isDone` throws, the error given to {@link fail}, or `onTimeout()` after `timeoutMs`.
   */
  until(isDone: () => boolean, timeoutMs: number, onTimeout: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer)
        this.#waiting.delete(waiter)
        how()
      }
      const waiter: Waiter = {
        isDone,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      }
      const timer = setTimeout(() => waiter.reject(onTimeout()), timeoutMs)
      this.#waiting.add(waiter)
      if (this.#failure) waiter.reject(this.#failure.error)
      else this.#look(waiter)
    })
  }

  /** Something changed: everybody looks again. */
  notify(): void {
    for (const waiter of this.#waiting) this.#look(waiter)
  }

  /** What is waited for will not come: everybody who waits, now or later, gets `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const waiter of this.#waiting) waiter.reject(error)
  }

  #look(waiter: Waiter): void {
    try {
      if (waiter.isDone()) waiter.resolve()
    } catch (error) {
      waiter.reject(error)
    }
  }
}
