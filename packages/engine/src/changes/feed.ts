import {
  type ChangeCursor,
  type ChangePage,
  currentSnapshot,
  cursorAt,
  formatCursor,
  readChanges,
} from '@posthorn/db'
import { Listener } from '@posthorn/queue'
import type pg from 'pg'
import type { Logger } from '../types.ts'
import type { StreamedChange } from './types.ts'

/** Between two readings that found nothing a reader's place moves no oftener than this. */
const QUIET_MS = 5_000
/** However often it is woken, there is a pause between two readings: what comes meanwhile is read together. */
const MIN_GAP_MS = 50
const PAGE = 500
const MAX_STEPS = 256
const MAX_REMEMBERED = 2_000

/** What one reading found: the way from one place to the next, for the apps that were watched then. */
interface Step {
  readonly next: ChangeCursor
  readonly apps: ReadonlySet<string>
  readonly changes: ReadonlyMap<string, readonly StreamedChange[]>
  readonly size: number
}

export interface FeedOptions {
  readonly pool: pg.Pool
  /** for a connection that listens; undefined: only polling */
  readonly listen: pg.ClientConfig | undefined
  readonly pollMs: number
  /** named statements; false over a pooler */
  readonly prepared: boolean
  readonly logger: Logger
}

/**
 * Reads the changes of all apps that somebody in this process watches: one query at a time for all of them. What it read
 * last is remembered for a while, as steps from one place to the next, so that followers need no query of their own as
 * long as they keep up.
 */
export class ChangeFeed {
  readonly #options: FeedOptions
  readonly #listener: Listener
  readonly #watched = new Map<string, number>()
  readonly #steps = new Map<string, Step>()
  readonly #waiting = new Set<() => void>()
  #place: ChangeCursor | undefined
  #placeText = ''
  #movedAt = 0
  #remembered = 0
  #isForced = false
  #isStopped = false

  constructor(options: FeedOptions) {
    this.#options = options
    const { listen, pollMs, logger } = options
    this.#listener = new Listener({
      ...(listen ? { connection: listen, channel: 'posthorn_changes' } : { mode: 'poll' as const }),
      onWake: () => this.#read(),
      pollMs,
      onError: (err) => logger.warn({ err }, 'changes cannot be read just now; it is tried again'),
    })
  }

  /** Where the feed is. Rejects when the database does not answer. */
  async place(): Promise<ChangeCursor> {
    return this.#place ?? this.#begin(cursorAt(await currentSnapshot(this.#options.pool)))
  }

  /** No more changes will come. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Whether this is where the feed is. */
  isAt(text: string): boolean {
    return this.#place !== undefined && text === this.#placeText
  }

  /** The step that begins at a place, if it is remembered and was read for this app. */
  stepFrom(text: string, appId: string): Step | undefined {
    const step = this.#steps.get(text)
    return step?.apps.has(appId) ? step : undefined
  }

  /** From now on readings are for this app too, until it is disposed of. */
  watch(appId: string): Disposable {
    if (this.#watched.size === 0) this.#forget()
    this.#watched.set(appId, (this.#watched.get(appId) ?? 0) + 1)
    void this.#listener.start()
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        const count = (this.#watched.get(appId) ?? 0) - 1
        if (count > 0) this.#watched.set(appId, count)
        else this.#watched.delete(appId)
      },
    }
  }

  /** Something changed: read soon. */
  wake(): void {
    if (this.#watched.size > 0) this.#listener.wake()
  }

  /** Moves on at the next reading, also when it finds nothing. */
  force(): void {
    this.#isForced = true
    this.wake()
  }

  /** Resolves when the feed has moved, when it is stopped or after `timeoutMs`. */
  moved(signal: AbortSignal, timeoutMs?: number): Promise<void> {
    if (signal.aborted || this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => done(), timeoutMs)
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const done of [...this.#waiting]) done()
    await this.#listener.close()
  }

  async #read(): Promise<void> {
    for (let isComplete = false; !isComplete && this.#watched.size > 0; ) {
      const from = await this.place()
      const apps = new Set(this.#watched.keys())
      const request = { appIds: [...apps], after: from, limit: PAGE, prepared: this.#options.prepared }
      const page = await readChanges(this.#options.pool, request)
      isComplete = this.#take(page, apps, from)
    }
    await new Promise((resolve) => setTimeout(resolve, MIN_GAP_MS))
  }

  /** @returns whether there was nothing more to read */
  #take(page: ChangePage, apps: ReadonlySet<string>, from: ChangeCursor): boolean {
    // Whoever watched first after a while of nobody began anew.
    if (this.#place !== from) return false
    if (page.isExpired) {
      this.#forget()
      this.#moveTo(cursorAt(page.now))
      return true
    }
    const isQuiet = page.changes.length === 0 && page.isComplete
    if (isQuiet && !this.#isForced && performance.now() - this.#movedAt < QUIET_MS) return true
    this.#isForced = false
    this.#remember(this.#placeText, {
      next: page.next,
      apps,
      changes: Map.groupBy(page.changes.map(streamed), (change) => change.appId),
      size: page.changes.length,
    })
    this.#moveTo(page.next)
    return page.isComplete
  }

  /** Where a feed begins that is nowhere yet: another follower may have been faster. */
  #begin(now: ChangeCursor): ChangeCursor {
    if (!this.#place) this.#moveTo(now)
    return this.#place ?? now
  }

  #moveTo(place: ChangeCursor): void {
    this.#place = place
    this.#placeText = formatCursor(place)
    this.#movedAt = performance.now()
    for (const done of [...this.#waiting]) done()
  }

  #remember(from: string, step: Step): void {
    // A step to where it began would lead followers round in circles.
    if (formatCursor(step.next) === from) return
    this.#steps.set(from, step)
    this.#remembered += step.size
    for (const [text, oldest] of this.#steps) {
      if (this.#steps.size <= MAX_STEPS && this.#remembered <= MAX_REMEMBERED) break
      this.#steps.delete(text)
      this.#remembered -= oldest.size
    }
  }

  #forget(): void {
    this.#steps.clear()
    this.#remembered = 0
    this.#place = undefined
  }
}

function streamed(change: {
  appId: string
  type: string
  data: string
  at: Date
  cursor: ChangeCursor
}): StreamedChange {
  const { appId, type, data, at, cursor } = change
  return { id: formatCursor(cursor), appId, type, data, at }
}
