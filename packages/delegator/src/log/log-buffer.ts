import type { Clock } from '@posthorn/core'
import type { Timers } from '../time/timers.ts'
import { TIMED_OUT, within } from '../time/watch.ts'
import { Backlog, batchOf, type Chunk } from './backlog.ts'
import type {
  CallAttempt,
  CallIncident,
  CallLog,
  CallRecord,
  CircuitChangeRecord,
  FallbackNotification,
} from './call-log.ts'
import { describeLosses, type Losses, sumOf } from './losses.ts'

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
/** Records that are handed over at once, however many wait; so many are not waited for. */
const FULL_BATCH = 500
const FULL_BATCH_BYTES = 4_194_304
/** About what all records may take while they wait, bytes. */
const MAX_KEPT_BYTES = 33_554_432
/** Pause after a write that failed, twice as long after each further one, milliseconds. */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5_000

/**
 * Takes records without making anybody wait, and hands them to the log in batches, one at a time and the oldest first.
 * Nothing that the log does reaches a caller.
 */
export class LogBuffer {
  readonly #options: LogBufferOptions
  readonly #backlog: Backlog
  #cancelTimer: (() => void) | undefined
  #writing: Promise<void> | undefined
  /** Writes that failed in a row. */
  #failures = 0
  /** Losses of which an incident waits to be written. */
  #reported: Losses = {}

  constructor(options: LogBufferOptions) {
    this.#options = options
    this.#backlog = new Backlog({
      ...{ maxKept: options.maxKept, maxBytes: MAX_KEPT_BYTES },
      ...{ maxTaken: FULL_BATCH, maxTakenBytes: FULL_BATCH_BYTES },
    })
  }

  call(record: CallRecord): void {
    this.#backlog.add('calls', record)
    this.#schedule()
  }

  attempt(record: CallAttempt): void {
    this.#backlog.addAttempt(record)
    this.#schedule()
  }

  incident(record: CallIncident): void {
    this.#backlog.add('incidents', record)
    this.#schedule()
  }

  circuitChange(record: CircuitChangeRecord): void {
    this.#backlog.add('circuitChanges', record)
    this.#schedule()
  }

  notification(record: FallbackNotification): void {
    this.#backlog.addNotification(record)
    this.#schedule()
  }

  /** Writes what there is now. Never rejects; what could not be written is kept for the next time. */
  flush(): Promise<void> {
    // Not at once: what the log does before it first waits would be done in the name of a caller.
    this.#writing ??= Promise.resolve()
      .then(() => this.#writeAll())
      .finally(() => {
        this.#writing = undefined
        this.#schedule()
      })
    return this.#writing
  }

  /**
   * Writes everything, also what arrives while a batch is being written. One failure ends it: what is left then is lost,
   * and a process warning says how much.
   */
  async close(): Promise<void> {
    await this.#writing
    do await this.flush()
    while (this.#failures === 0 && (this.#backlog.size > 0 || hasSome(this.#backlog.losses)))
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const lost = sumOf(this.#backlog.waiting, this.#backlog.losses, this.#reported)
    if (hasSome(lost))
      warn(`records of calls are lost, since they could not be written (${describeLosses(lost)})`)
  }

  /** After a while, or at once when a batch is full and the log can be written. */
  #schedule(): void {
    if (this.#writing !== undefined) return
    const waiting = this.#backlog.size
    if (waiting === 0) return
    if (this.#failures === 0 && waiting >= FULL_BATCH) {
      void this.flush()
      return
    }
    this.#cancelTimer ??= this.#options.timers.after(this.#pauseMs, () => {
      this.#cancelTimer = undefined
      void this.flush()
    })
  }

  get #pauseMs(): number {
    if (this.#failures === 0) return this.#options.flushMs
    return Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS)
  }

  async #writeAll(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    // What comes meanwhile is left to the next time: whoever waits for this one must see it end.
    const through = this.#backlog.newest
    do {
      this.#reportLosses()
      const chunk = this.#backlog.take(through)
      if (chunk === undefined) return
      await this.#write(chunk)
    } while (this.#failures === 0)
  }

  async #write(chunk: Chunk): Promise<void> {
    const { log, timers } = this.#options
    try {
      // Inside of a promise, so that a log that throws at once fails like any other.
      const writing = new Promise<void>((resolve) => resolve(log.write(batchOf(chunk))))
      const done = await within(timers, writing, WRITE_TIMEOUT_MS)
      if (done === TIMED_OUT) throw new Error(`not written within ${WRITE_TIMEOUT_MS} ms`)
      this.#backlog.written(chunk)
      this.#failures = 0
      this.#reported = {}
    } catch (error) {
      this.#backlog.putBack(chunk)
      // Once for each outage: the log itself cannot tell of it now.
      if (this.#failures++ === 0) warn(`records of calls could not be written: ${messageOf(error)}`)
    }
  }

  /** As the first of what is handed over next, so that it is told in an outage as well, and once more after it. */
  #reportLosses(): void {
    if (hasSome(this.#reported) || !hasSome(this.#backlog.losses)) return
    this.#reported = this.#backlog.takeLosses()
    this.#backlog.addFirst({
      ...{ kind: 'log', appId: null, capability: null, callId: null },
      message: `records were dropped, since they could not be written in time (${describeLosses(this.#reported)})`,
      at: new Date(this.#options.clock.now()),
    })
  }
}

const hasSome = (losses: Losses): boolean => Object.keys(losses).length > 0

function warn(message: string): void {
  process.emitWarning(message, 'PosthornWarning')
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
