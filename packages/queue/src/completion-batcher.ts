import { inTime } from './in-time.ts'
import type { Completion, Outcome } from './types.ts'

export interface CompletionBatcherOptions<R> {
  /** `complete` of the queue. A batch is applied whole or not at all. */
  complete: (outcomes: readonly Outcome<R>[]) => Promise<Completion[]>
  /** Outcomes of one flush. 500 */
  maxBatch?: number
  /**
   * Under load, how long a flush waits for more outcomes: each has a cost of its own, whatever it writes. The load is what
   * the flush before wrote: after a small one there is no wait. Milliseconds. 0
   */
  gatherMs?: number
  /** Outcomes waiting beyond which `add` makes its caller wait. 5 000 */
  maxBuffered?: number
  /** An outcome is persisted. `applied: false`: its lease had gone to somebody else. */
  onCompleted?: (outcome: Outcome<R>, applied: boolean) => void
  /** A flush failed; it is repeated with the same outcomes. */
  onError?: (error: unknown, outcomes: readonly Outcome<R>[]) => void
  /** Takes what a receiver sent out of an outcome that the store refused as bad data. Default: drops the record. */
  withoutDetails?: (outcome: Outcome<R>, error: unknown) => Outcome<R>
  /** Whether the store refused the data itself. Default: SQLSTATE class 22. */
  isDataError?: (error: unknown) => boolean
  /** Time a flush has before it counts as failed and is repeated. 30 000 */
  timeoutMs?: number
  /** Pause before the n-th repetition, milliseconds. Default: 100 ms doubling to 5 s. */
  retryDelayMs?: (failures: number) => number
}

/** A flush of this many shows that more are on their way. */
const busyBatch = 64

/**
 * Persists outcomes in batches: a flush begins as soon as the one before has ended, with whatever has come in
 * meanwhile. Nothing is dropped: a failed flush is repeated, and a batch with bad data is halved until the bad
 * outcome is alone, which is then written without its details.
 */
export class CompletionBatcher<R = undefined> {
  readonly #options: CompletionBatcherOptions<R>
  readonly #maxBatch: number
  readonly #maxBuffered: number
  readonly #waiting: Outcome<R>[] = []
  readonly #blocked: (() => void)[] = []
  readonly #abort = new AbortController()
  /** Outcomes that were added and are not persisted: waiting, in a flush, or put aside. */
  #unfinished = 0
  #running: Promise<void> | undefined
  /** Ends the wait for more outcomes. */
  #enough: (() => void) | undefined
  readonly #idle: (() => void)[] = []
  #isClosed = false

  constructor(options: CompletionBatcherOptions<R>) {
    this.#options = options
    this.#maxBatch = options.maxBatch ?? 500
    this.#maxBuffered = options.maxBuffered ?? 5000
  }

  /** Outcomes that are not persisted yet. */
  get size(): number {
    return this.#unfinished
  }

  /**
   * Takes an outcome at once. The promise ends when there is room for another: who awaits it before starting
   * more work keeps the buffer bounded.
   */
  async add(outcome: Outcome<R>): Promise<void> {
    if (this.#isClosed) throw new Error('the completion batcher is closed')
    this.#waiting.push(outcome)
    this.#unfinished += 1
    if (this.#waiting.length >= this.#maxBatch) this.#enough?.()
    this.#start()
    if (this.#unfinished <= this.#maxBuffered) return
    await new Promise<void>((resolve) => this.#blocked.push(resolve))
  }

  /** Ends when everything added so far, and meanwhile, is persisted. */
  async flush(): Promise<void> {
    if (this.#unfinished === 0) return
    this.#enough?.()
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /**
   * Takes no more and persists the rest. With a signal that aborts, it gives up repeating what fails.
   * Returns how many outcomes are not persisted; their leases run out and the rows are worked again.
   */
  async close(options: { signal?: AbortSignal } = {}): Promise<number> {
    this.#isClosed = true
    const { signal } = options
    const giveUp = () => {
      this.#abort.abort()
      this.#wakeIdle()
    }
    if (signal?.aborted) giveUp()
    signal?.addEventListener('abort', giveUp, { once: true })
    if (!this.#abort.signal.aborted) await this.flush()
    signal?.removeEventListener('abort', giveUp)
    for (const resolve of this.#blocked.splice(0)) resolve()
    return this.#unfinished
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0 && !this.#abort.signal.aborted) this.#start()
    })
  }

  async #run(): Promise<void> {
    // What ends in the same turn of the event loop goes into the first flush together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0 && !this.#abort.signal.aborted) {
      const batch = this.#waiting.splice(0, this.#maxBatch)
      await this.#persist(batch)
      if (batch.length >= busyBatch) await this.#gather()
    }
  }

  async #gather(): Promise<void> {
    const { gatherMs = 0 } = this.#options
    if (gatherMs === 0 || this.#isClosed || this.#idle.length > 0 || this.#waiting.length >= this.#maxBatch)
      return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, gatherMs)
      this.#enough = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#enough = undefined
  }

  async #persist(batch: readonly Outcome<R>[]): Promise<void> {
    for (let failures = 1; !this.#abort.signal.aborted; failures += 1) {
      try {
        this.#settle(batch, await this.#complete(batch))
        return
      } catch (error) {
        this.#options.onError?.(error, batch)
        const [first] = batch
        if (first !== undefined && this.#isDataError(error)) {
          if (batch.length === 1) return this.#persistBare(first, error)
          const middle = batch.length >> 1
          await this.#persist(batch.slice(0, middle))
          await this.#persist(batch.slice(middle))
          return
        }
        await this.#pause(failures)
      }
    }
  }

  /** Writes a refused outcome without its details, then without its record, and at last puts it aside. */
  async #persistBare(outcome: Outcome<R>, cause: unknown): Promise<void> {
    const { record: _, ...bare } = outcome
    const attempts: Outcome<R>[] = [bare]
    if (this.#options.withoutDetails) attempts.unshift(this.#options.withoutDetails(outcome, cause))
    for (const attempt of attempts) {
      for (let failures = 1; !this.#abort.signal.aborted; failures += 1) {
        try {
          this.#settle([outcome], await this.#complete([attempt]))
          return
        } catch (error) {
          this.#options.onError?.(error, [attempt])
          if (this.#isDataError(error)) break
          await this.#pause(failures)
        }
      }
    }
    if (!this.#abort.signal.aborted) this.#putAside(bare)
  }

  /** Tries again later, beside the others, what the store refuses in every form. */
  #putAside(outcome: Outcome<R>): void {
    const timer = setTimeout(() => {
      this.#waiting.push(outcome)
      this.#start()
    }, this.#delayMs(10))
    timer.unref()
    this.#abort.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  #complete(batch: readonly Outcome<R>[]): Promise<Completion[]> {
    const timeoutMs = this.#options.timeoutMs ?? 30_000
    return inTime(this.#options.complete(batch), timeoutMs, 'persisting outcomes took too long')
  }

  #settle(batch: readonly Outcome<R>[], completions: readonly Completion[]): void {
    this.#unfinished -= batch.length
    batch.forEach((outcome, index) => {
      const sameIndex = completions[index]
      const completion =
        sameIndex?.id === outcome.id ? sameIndex : completions.find(({ id }) => id === outcome.id)
      this.#options.onCompleted?.(outcome, completion?.applied ?? false)
    })
    if (this.#unfinished <= this.#maxBuffered) {
      for (const resolve of this.#blocked.splice(0)) resolve()
    }
    if (this.#unfinished === 0) this.#wakeIdle()
  }

  #wakeIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #isDataError(error: unknown): boolean {
    return (this.#options.isDataError ?? isDataError)(error)
  }

  #delayMs(failures: number): number {
    return this.#options.retryDelayMs?.(failures) ?? Math.min(5000, 100 * 2 ** (failures - 1))
  }

  async #pause(failures: number): Promise<void> {
    const { signal } = this.#abort
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, this.#delayMs(failures))
      signal.addEventListener('abort', end, { once: true })
    })
  }
}

/** SQLSTATE class 22: the server refused a value (a NUL, bytes that are not UTF-8, a number out of range). */
export function isDataError(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^22...$/.test(error.code)
  )
}
