/** Requests under way that are always allowed: enough to keep a processor busy with receivers that answer at once. */
const FEWEST = 64
const LOOK_MS = 20
/** Above this share of its time the event loop is taken to be busy, below it to have time to spare. */
const BUSY = 0.9

/** Cumulative milliseconds of the event loop, as `performance.eventLoopUtilization()` gives them. */
export interface LoopTime {
  readonly active: number
  readonly idle: number
}

/**
 * How many requests are worth having under way. Slots are for receivers that take their time; where this process's own
 * processor is what is short, more requests at once only make each dearer (512 at once cost twice the CPU of 100 each:
 * sockets and objects fall out of the caches and survive collections). So the limit doubles while the event loop has time
 * to spare and shrinks while it has none. When nothing is answered the loop is idle, so the limit always rises to the slots.
 */
export class LaunchLimit {
  readonly #loopTime: () => LoopTime
  readonly #now: () => number
  #limit = FEWEST
  #lookedAt = -Infinity
  #last: LoopTime

  /** @param now monotonic milliseconds */
  constructor(loopTime: () => LoopTime, now: () => number) {
    this.#loopTime = loopTime
    this.#now = now
    this.#last = loopTime()
  }

  /** @param slots the most that may be under way at all */
  of(slots: number): number {
    const now = this.#now()
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now
      this.#adjust(slots)
    }
    return Math.min(slots, this.#limit)
  }

  #adjust(slots: number): void {
    const time = this.#loopTime()
    const active = time.active - this.#last.active
    const idle = time.idle - this.#last.idle
    this.#last = time
    if (active <= BUSY * (active + idle)) this.#limit = Math.min(Math.max(FEWEST, slots), this.#limit * 2)
    else this.#limit = Math.max(FEWEST, Math.floor(this.#limit * 0.75))
  }
}
