import { recordChanges } from '@posthorn/db'
import type pg from 'pg'
import type { Logger } from '../types.ts'
import { within } from '../worker/within.ts'

/** NOTIFY takes a lock of the whole database at commit: ten a second are enough to be prompt. */
const NOTIFY_EVERY_MS = 100
const COUNT_EVERY_MS = 1_000
const STOP_MS = 1_000

/** What is told as counts for an interval, since each of it alone would cost as much as the thing itself. */
export type CountedChange = 'events' | 'deliveries'

export interface AnnouncerOptions {
  readonly pool: pg.Pool
  /** tells the feed of this process, which need not wait for the database to tell it */
  readonly wake: () => void
  readonly logger: Logger
}

/**
 * Tells those who follow that there are changes. Changes themselves are rows that are written with what changed; this
 * only says that there are some, and turns what happens too often for rows into one row a second and app. Counts of a
 * process that is killed are lost: they say how busy it is, not what there is.
 */
export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #counts = new Map<string, { appId: string; type: CountedChange; counts: Map<string, number> }>()
  #countTimer: NodeJS.Timeout | undefined
  #notifyTimer: NodeJS.Timeout | undefined
  #isWanted = false
  #work: Promise<void> = Promise.resolve()

  constructor(options: AnnouncerOptions) {
    this.#options = options
  }

  /** Rows were committed. The first call goes out at once, those after it together. */
  changed(): void {
    this.#options.wake()
    if (this.#notifyTimer) {
      this.#isWanted = true
      return
    }
    this.#notifyTimer = setTimeout(() => {
      this.#notifyTimer = undefined
      if (this.#isWanted) this.changed()
    }, NOTIFY_EVERY_MS).unref()
    this.#isWanted = false
    this.#later(() => this.#options.pool.query('notify posthorn_changes'))
  }

  /** @param what `published`; what became of deliveries: `delivered`, `pending`, … */
  count(appId: string, type: CountedChange, what: string, by = 1): void {
    const key = `${appId}:${type}`
    const entry = this.#counts.get(key) ?? { appId, type, counts: new Map<string, number>() }
    this.#counts.set(key, entry)
    entry.counts.set(what, (entry.counts.get(what) ?? 0) + by)
    this.#countTimer ??= setTimeout(() => this.#flush(), COUNT_EVERY_MS).unref()
  }

  /** Writes what was counted, and waits for it: not for long, since a database may be hanging. */
  async stop(): Promise<void> {
    this.#flush()
    await within(this.#finished(), STOP_MS)
    clearTimeout(this.#notifyTimer)
  }

  async #finished(): Promise<void> {
    // Writing counts adds its own notification behind it.
    for (let work: Promise<void> | undefined; work !== this.#work; ) {
      work = this.#work
      await work
    }
  }

  #flush(): void {
    clearTimeout(this.#countTimer)
    this.#countTimer = undefined
    const entries = [...this.#counts.values()]
    this.#counts.clear()
    if (entries.length === 0) return
    const changes = entries.map(({ appId, type, counts }) => ({
      appId,
      type,
      data: Object.fromEntries(counts),
    }))
    this.#later(async () => {
      await recordChanges(this.#options.pool, changes)
      this.changed()
    })
  }

  /** One after the other. What fails is not tried again: followers poll, and counts are of a moment. */
  #later(work: () => Promise<unknown>): void {
    this.#work = this.#work.then(work).then(
      () => undefined,
      (err: unknown) => this.#options.logger.debug({ err }, 'changes could not be announced'),
    )
  }
}
