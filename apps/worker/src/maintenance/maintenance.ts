import type { RetentionDays } from '@posthorn/db'
import type { Logger, Posthorn } from '@posthorn/engine'
import type { ServicePool } from '@posthorn/engine/config'
import type { WorkerConfig } from '../config.ts'
import { createDuties, makePartitions } from './duties.ts'
import { Leadership } from './leadership.ts'
import { runLoop, type Sleep } from './loop.ts'

/** What maintenance is made of. */
export interface MaintenanceOptions {
  readonly posthorn: Posthorn
  readonly pool: ServicePool
  readonly config: RetentionConfig
  readonly logger: Logger
  /** how the loops wait; tests bring a clock of their own */
  readonly sleep?: Sleep
}

type RetentionConfig = Pick<
  WorkerConfig,
  | 'EVENT_RETENTION_DAYS'
  | 'ATTEMPT_RETENTION_DAYS'
  | 'DEAD_LETTER_RETENTION_DAYS'
  | 'WEBHOOK_METRICS_RETENTION_DAYS'
>

/** The loops that keep the database in order, beside the worker's own. Each is run by one of all workers. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #leadership: Leadership
  readonly #stop = new AbortController()
  #loops: Promise<unknown> = Promise.resolve()

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#leadership = new Leadership(options.pool)
  }

  /** Makes missing partitions before anything else, whoever has that duty; then begins the loops. */
  async start(): Promise<void> {
    const { posthorn, pool, logger, config, sleep } = this.#options
    const { signal } = this.#stop
    await makePartitions({ pool, logger }).catch((err: unknown) =>
      logger.warn({ err }, 'partitions could not be made at the start; they are tried again in an hour'),
    )
    if (signal.aborted) return
    const duties = createDuties({ posthorn, pool, logger, keep: retentionDays(config) })
    const loops = duties.map(({ name, lock, everyMs, run }) =>
      runLoop({
        name,
        everyMs,
        signal,
        logger,
        ...(sleep && { sleep }),
        run: async () => {
          if (await this.#leadership.has(lock)) await run(signal)
        },
      }),
    )
    this.#loops = Promise.all(loops)
  }

  /** Begins nothing more; what runs may end within `graceMs`, and is cut off then. It may be done again by anybody. */
  async stop(graceMs: number, cutOff: () => void): Promise<void> {
    this.#stop.abort()
    const timer = setTimeout(cutOff, graceMs)
    await this.#loops
    clearTimeout(timer)
    await this.#leadership.close()
  }
}

function retentionDays(config: RetentionConfig): RetentionDays {
  return {
    events: config.EVENT_RETENTION_DAYS,
    attempts: config.ATTEMPT_RETENTION_DAYS,
    deadLetters: config.DEAD_LETTER_RETENTION_DAYS,
    stats: config.WEBHOOK_METRICS_RETENTION_DAYS,
  }
}
