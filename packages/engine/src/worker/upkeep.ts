import { ensurePartitions, sweepChanges, sweepDeliveries } from '@posthorn/db'
import type pg from 'pg'
import type { Logger } from '../types.ts'

const SWEEP_EVERY_MS = 15_000
const PARTITIONS_EVERY_MS = 3_600_000
const SWEEP_BATCH = 1_000
const CHANGES_EVERY_MS = 60_000

/**
 * What must happen beside delivering wherever a worker runs: partitions ahead of time, the end of deliveries that no
 * claim would ever end, and the end of what was announced long ago. All of it may run in any number of processes at once.
 */
export class Upkeep {
  readonly #pool: pg.Pool
  readonly #logger: Logger
  readonly #timers: NodeJS.Timeout[] = []
  #turn: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(pool: pg.Pool, logger: Logger) {
    this.#pool = pool
    this.#logger = logger
  }

  start(): void {
    if (this.#timers.length > 0 || this.#stopped) return
    this.#later(() => this.#partitions())
    this.#timers.push(
      setInterval(() => this.#later(() => this.#partitions()), PARTITIONS_EVERY_MS),
      setInterval(() => this.#later(() => this.#sweep()), SWEEP_EVERY_MS),
      setInterval(() => this.#later(() => this.#changes()), CHANGES_EVERY_MS),
    )
  }

  /** Begins nothing more and waits for what runs. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#turn
  }

  /** One after the other, and never in the way of a delivery: what fails is tried again at its next time. */
  #later(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#stopped) return
      await work().catch((err: unknown) =>
        this.#logger.warn({ err }, 'upkeep failed; it is tried again later'),
      )
    })
  }

  async #partitions(): Promise<void> {
    const client = await this.#pool.connect()
    try {
      const made = await ensurePartitions(client)
      if (made.length > 0) this.#logger.info({ made }, 'partitions made')
    } finally {
      client.release()
    }
  }

  async #changes(): Promise<void> {
    await sweepChanges(this.#pool)
  }

  async #sweep(): Promise<void> {
    for (let more = true; more && !this.#stopped; ) {
      const { expired, cancelled } = await sweepDeliveries(this.#pool, SWEEP_BATCH)
      more = expired >= SWEEP_BATCH || cancelled >= SWEEP_BATCH
    }
  }
}
