import type { Sleep } from '../src/maintenance/loop.ts'

/** Time that stands still until it is moved. */
export class ManualTime {
  #now = 0
  readonly #sleepers = new Set<{ until: number; wake: () => void }>()

  /** Who waits, and how long still, the shortest first. */
  get waiting(): number[] {
    return [...this.#sleepers].map(({ until }) => until - this.#now).toSorted((a, b) => a - b)
  }

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const sleeper = { until: this.#now + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      })
    })

  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
