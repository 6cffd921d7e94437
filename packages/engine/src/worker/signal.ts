/** Wakes one waiter; signals that come while nobody waits are remembered as one. */
export class Signal {
  #pending = false
  #wake: (() => void) | undefined

  notify(): void {
    this.#pending = true
    this.#wake?.()
  }

  /** Only signals from now on count. */
  forget(): void {
    this.#pending = false
  }

  /** Resolves at the next signal, at once if one is pending, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    this.#pending = false
  }
}
