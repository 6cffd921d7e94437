import type { Clock } from '@posthorn/core'
import type { Timers } from '../time/timers.ts'
import { TIMED_OUT, within } from '../time/watch.ts'
import type {
  CallAttempt,
  CallIncident,
  CallLog,
  CallLogBatch,
  CallRecord,
  CircuitChangeRecord,
  FallbackNotification,
} from './call-log.ts'
import { foldNotification } from './fold-notifications.ts'

/** How records are gathered before they are written. */
export interface LogBufferOptions {
  readonly log: CallLog
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  /** Milliseconds for which records are gathered: the most that a crash loses. */
  readonly flushMs: number
  /** Records of a kind that are kept while the log cannot be written; then the oldest are dropped. */
  readonly maxKept: number
}

const WRITE_TIMEOUT_MS = 10_000
/** A full batch is not waited for. */
const FULL_BATCH = 500

/**
 * Takes records without making anybody wait, and hands them to the log in batches, one at a time. Nothing that the log
 * does reaches a caller.
 */
export class LogBuffer {
  readonly #options: LogBufferOptions
  #calls: CallRecord[] = []
  #attempts: CallAttempt[] = []
  #incidents: CallIncident[] = []
  #circuitChanges: CircuitChangeRecord[] = []
  #notifications = new Map<string, FallbackNotification>()
  #cancelTimer: (() => void) | undefined
  #writing: Promise<void> | undefined
  #dropped = 0
  #isFailing = false

  constructor(options: LogBufferOptions) {
    this.#options = options
  }

  call(record: CallRecord): void {
    this.#add(this.#calls, record)
    if (this.#calls.length >= FULL_BATCH) void this.flush()
  }

  attempt(record: CallAttempt): void {
    this.#add(this.#attempts, record)
  }

  incident(record: CallIncident): void {
    this.#add(this.#incidents, record)
  }

  circuitChange(record: CircuitChangeRecord): void {
    this.#add(this.#circuitChanges, record)
  }

  notification(record: FallbackNotification): void {
    this.#fold(record)
    this.#schedule()
  }

  /** Writes what there is. Never rejects; what could not be written is kept for the next time. */
  flush(): Promise<void> {
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = undefined
      if (this.#hasRecords) this.#schedule()
    })
    return this.#writing
  }

  /** Writes everything, also what arrives while a batch is being written. One failure ends it. */
  async close(): Promise<void> {
    await this.#writing
    if (this.#hasRecords) await this.flush()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  get #hasRecords(): boolean {
    const lists = [this.#calls, this.#attempts, this.#incidents, this.#circuitChanges]
    return this.#notifications.size > 0 || lists.some((list) => list.length > 0)
  }

  #add<T>(list: T[], record: T): void {
    list.push(record)
    if (list.length > this.#options.maxKept) {
      list.shift()
      this.#dropped++
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#cancelTimer !== undefined || this.#writing !== undefined) return
    this.#cancelTimer = this.#options.timers.after(this.#options.flushMs, () => {
      this.#cancelTimer = undefined
      void this.flush()
    })
  }

  async #writeOnce(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#reportDropped()
    const batch = this.#take()
    try {
      // Inside of a promise, so that a log that throws at once fails like any other.
      const writing = new Promise<void>((resolve) => resolve(this.#options.log.write(batch)))
      const done = await within(this.#options.timers, writing, WRITE_TIMEOUT_MS)
      if (done === TIMED_OUT) throw new Error(`not written within ${WRITE_TIMEOUT_MS} ms`)
      this.#isFailing = false
    } catch (error) {
      this.#putBack(batch)
      this.#warn(error)
    }
  }

  /** Once for each outage: the log itself cannot tell of it now. */
  #warn(error: unknown): void {
    if (this.#isFailing) return
    this.#isFailing = true
    const message = error instanceof Error ? error.message : String(error)
    process.emitWarning(`records of calls could not be written: ${message}`, 'PosthornWarning')
  }

  #take(): CallLogBatch {
    const batch = {
      calls: this.#calls,
      attempts: this.#attempts,
      notifications: [...this.#notifications.values()],
      incidents: this.#incidents,
      circuitChanges: this.#circuitChanges,
    }
    this.#calls = []
    this.#attempts = []
    this.#incidents = []
    this.#circuitChanges = []
    this.#notifications = new Map()
    return batch
  }

  #putBack(batch: CallLogBatch): void {
    this.#calls = this.#joined(batch.calls, this.#calls)
    this.#attempts = this.#joined(batch.attempts, this.#attempts)
    this.#incidents = this.#joined(batch.incidents, this.#incidents)
    this.#circuitChanges = this.#joined(batch.circuitChanges, this.#circuitChanges)
    const since = [...this.#notifications.values()]
    this.#notifications = new Map()
    for (const notification of [...batch.notifications, ...since]) {
      this.#fold(notification)
    }
  }

  #fold(notification: FallbackNotification): void {
    if (!foldNotification(this.#notifications, notification, this.#options.maxKept)) this.#dropped++
  }

  #joined<T>(older: readonly T[], newer: readonly T[]): T[] {
    const all = [...older, ...newer]
    const surplus = Math.max(0, all.length - this.#options.maxKept)
    this.#dropped += surplus
    return all.slice(surplus)
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return
    const message = `records were dropped, since they could not be written in time: ${this.#dropped}`
    this.#dropped = 0
    this.#incidents.push({
      kind: 'log',
      appId: null,
      capability: null,
      callId: null,
      message,
      at: new Date(this.#options.clock.now()),
    })
  }
}
