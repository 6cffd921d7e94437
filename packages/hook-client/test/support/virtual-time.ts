import type { Pause } from '../../src/sender/wake.ts'
import type { FakeClock } from './fake-clock.ts'

/**
 * Time that passes by itself as soon as nobody has anything else to do: a sleep of two hours takes no
 * longer than one of a second.
 */
export class VirtualTime {
  readonly #clock: FakeClock
  readonly #sleepers = new Set<{ at: number; wake: () => void }>()
  #isTurning = false

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  readonly pause: Pause = (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve()
        return
      }
      const sleeper = {
        at: this.#clock.monotonic() + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', sleeper.wake, { once: true })
      this.#turn()
    })

  /** Lets the earliest sleeper wake, once whoever is awake has had a turn. */
  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => {
      this.#isTurning = false
      const [earliest] = [...this.#sleepers].sort((a, b) => a.at - b.at)
      if (earliest === undefined) return
      this.#clock.advance(Math.max(0, earliest.at - this.#clock.monotonic()))
      earliest.wake()
      if (this.#sleepers.size > 0) this.#turn()
    })
  }
}
