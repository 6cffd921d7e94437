import { tolerate } from '../spool/disk.ts'
import { addDrops, countDrops, sumDrops } from '../spool/drops.ts'
import { at, type Spool } from '../spool/layout.ts'
import { takeState, writeState } from '../spool/state-file.ts'
import type { DropCounts, Hold, LastError, RetryState, SpoolState } from '../spool/types.ts'

/** How long a change that may be lost with the process waits to be written. */
const WRITE_AFTER_MS = 1_000

/**
 * The sender's book: the spool's durable state while one sender holds the lock. What an event's order or
 * a drop's count depends on is written at once, mere counts within a second.
 */
export class Ledger {
  readonly #spool: Spool
  readonly #onError: (error: unknown) => void
  readonly #state: SpoolState
  /** Whether the state of an earlier sender could not be read. */
  readonly wasCorrupt: boolean
  #changedAt: number | undefined
  /** What the last request of each event that is being sent told of drops. */
  readonly #told = new Map<string, DropCounts>()

  constructor(spool: Spool, onError: (error: unknown) => void) {
    const { state, wasCorrupt } = takeState(spool)
    this.#spool = spool
    this.#onError = onError
    this.#state = state
    this.wasCorrupt = wasCorrupt
    // A client that was not yet there is kept before its id is first told.
    this.#changedAt = spool.clock.monotonic()
    this.foldDrops()
    this.write()
  }

  get clientId(): string {
    return this.#state.clientId
  }

  get hold(): Hold | null {
    return this.#state.hold
  }

  get lastError(): LastError | null {
    return this.#state.lastError
  }

  retryOf(requestId: string): RetryState | undefined {
    return this.#state.retries[requestId]
  }

  /**
   * Counts the drop markers and removes them. The names go into the state together with the counts, and
   * the files only after it is on disk: a crash at any point counts each once.
   */
  foldDrops(): void {
    const { markers, counts } = countDrops(this.#spool, this.#state.foldedDrops)
    if (markers.length === 0 && this.#state.foldedDrops.length === 0) return
    this.#state.totalDrops = addDrops(this.#state.totalDrops, counts)
    this.#state.foldedDrops = [...this.#state.foldedDrops, ...markers]
    this.#touch()
    if (!this.write()) return
    for (const name of this.#state.foldedDrops) {
      tolerate(() => this.#spool.disk.remove(at(this.#spool, 'dropped', name)))
    }
    const left = new Set(this.#spool.disk.list(at(this.#spool, 'dropped')))
    this.#state.foldedDrops = this.#state.foldedDrops.filter((name) => left.has(name))
    this.#touch()
  }

  /** The drops that a request of this event reports: all of them, since an answer may be lost. */
  dropsFor(requestId: string): DropCounts {
    this.#told.set(requestId, this.#state.totalDrops)
    return this.#state.totalDrops
  }

  /** The server took an event, and with it what its request reported. */
  sent(requestId: string): void {
    const state = this.#state
    state.sent += 1
    state.lastSuccessAt = this.#nowText()
    const told = this.#told.get(requestId) ?? {}
    this.#told.delete(requestId)
    const isNews = sumDrops(told) > sumDrops(state.reportedDrops)
    const mustWrite = state.hold !== null || isNews
    if (isNews) state.reportedDrops = told
    state.hold = null
    delete state.retries[requestId]
    this.#touch()
    if (mustWrite) this.write()
  }

  /** An event went to `failed/`. */
  failed(requestId: string, error: Omit<LastError, 'at'>): void {
    this.#told.delete(requestId)
    delete this.#state.retries[requestId]
    this.#error(error)
    this.write()
  }

  /** An event waits for its next send. */
  waits(requestId: string, retry: RetryState): void {
    this.#state.retries[requestId] = retry
    this.#state.lastError = retry.lastError
    this.#touch()
    this.write()
  }

  /** Nothing is sent for a while. */
  holds(hold: Hold): void {
    this.#state.hold = hold
    this.#state.lastError = hold.error
    this.#touch()
    this.write()
  }

  /** Forgets what is known of events that are not in the spool any more. */
  keepOnly(isPresent: (requestId: string) => boolean): void {
    for (const requestId of this.#told.keys()) if (!isPresent(requestId)) this.#told.delete(requestId)
    for (const requestId of Object.keys(this.#state.retries)) {
      if (!isPresent(requestId)) {
        delete this.#state.retries[requestId]
        this.#touch()
      }
    }
  }

  /** Writes when a change has waited long enough. */
  writeIfDue(): void {
    if (this.#changedAt === undefined) return
    if (this.#spool.clock.monotonic() - this.#changedAt >= WRITE_AFTER_MS) this.write()
  }

  /** Writes what changed. False when the disk would not take it: it is tried again with the next change. */
  write(): boolean {
    if (this.#changedAt === undefined) return true
    try {
      writeState(this.#spool, this.#state)
      this.#changedAt = undefined
      return true
    } catch (error) {
      this.#onError(error)
      return false
    }
  }

  #error(error: Omit<LastError, 'at'>): void {
    this.#state.lastError = { ...error, at: this.#nowText() }
    this.#touch()
  }

  #touch(): void {
    this.#changedAt ??= this.#spool.clock.monotonic()
  }

  #nowText(): string {
    return new Date(this.#spool.clock.now()).toISOString()
  }
}
