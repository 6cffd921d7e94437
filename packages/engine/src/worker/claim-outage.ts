import type { Logger } from '../types.ts'

const FIRST_PAUSE_MS = 200
/** Also how long it may take until claiming goes on after an outage. */
const LONGEST_PAUSE_MS = 2_000

/** Times in which nothing can be claimed, mostly since the database is away: told once when one begins, and once when it is over. */
export class ClaimOutage {
  readonly #logger: Logger
  readonly #monotonic: () => number
  #failures = 0
  #since = 0

  constructor(logger: Logger, monotonic: () => number) {
    this.#logger = logger
    this.#monotonic = monotonic
  }

  /** A claim failed. Returns how long to wait before the next one, in milliseconds: twice as long each time. */
  failed(err: unknown): number {
    this.#failures += 1
    if (this.#failures === 1) {
      this.#since = this.#monotonic()
      this.#logger.warn({ err }, 'due deliveries could not be claimed; it is tried until it works')
    } else {
      this.#logger.debug({ err, failures: this.#failures }, 'due deliveries still cannot be claimed')
    }
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 16))
  }

  /** A claim worked. */
  worked(): void {
    if (this.#failures === 0) return
    const [failures, outageMs] = [this.#failures, Math.round(this.#monotonic() - this.#since)]
    this.#failures = 0
    this.#logger.info({ failures, outageMs }, 'due deliveries are claimed again')
  }
}
