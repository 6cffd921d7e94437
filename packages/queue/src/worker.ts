import { nextDelayMs, parseRetryPolicy, type RetryPolicy, ValidationError } from '@posthorn/core'
import { CompletionBatcher } from './completion-batcher.ts'
import { Heartbeat } from './heartbeat.ts'
import { Listener, type ListenerOptions } from './listener.ts'
import { poisoned } from './sql/complete-parameters.ts'
import { putOffMs, Suspects } from './suspects.ts'
import type { Ending, Outcome, Queue, QueueItem } from './types.ts'

/** A queue whose items carry what a handler needs: `JobQueue`, or one of your own. */
export interface WorkerQueue<Item extends QueueItem> extends Omit<Queue, 'claim'> {
  claim(request: { limit: number; leaseMs: number }): Promise<Item[]>
  /** How a worker of this queue is woken, unless it is told otherwise. */
  readonly wakeOptions?: WakeOptions
}

/** Where a worker listens, and how often it polls. */
export type WakeOptions = Pick<
  ListenerOptions,
  'connectionString' | 'connection' | 'channel' | 'mode' | 'pollMs'
>

/** What a handler is told beside its job. */
export interface HandlerContext {
  /** Aborts when the lease is lost, or when a stop has run out of its grace. */
  signal: AbortSignal
  /** Which try this is, from 1. */
  attempt: number
}

/** Works on one job: returns for done, throws to try again, or returns how it shall end. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is the common one
export type Handler<Item> = (job: Item, context: HandlerContext) => Promise<Ending | void>

export interface CreateWorkerOptions<Item extends QueueItem> {
  queue: WorkerQueue<Item>
  handler: Handler<Item>
  /** Jobs worked at a time. 10 */
  concurrency?: number
  /** Length of a lease; it is renewed while a job is worked. 30 000 */
  leaseMs?: number
  /** When a throwing job is tried again: a policy, a list of delays in ms, or a preset's name. `default` */
  retry?: unknown
  /** A job that was leased more often than this without an outcome is buried as `poisoned`. 10 */
  maxClaims?: number
  /** How the worker learns of due jobs. Default: what the queue says, else a poll each 250 ms. */
  wake?: WakeOptions
  /** Time that running jobs have to end in a stop. 30 000 */
  graceMs?: number
  /** What went wrong outside a handler, or why a handler threw. */
  onError?: (error: unknown, item?: Item) => void
}

/** How long a handler has to notice that its signal aborted, in a stop. */
const abortGraceMs = 1000
/** Outcomes within this time lead to one claim. */
const wakeDelayMs = 10
/** Least part of a lease that must be left to start a job. */
const leastLease = 0.2

/** Works the jobs of a queue until it is stopped. */
export class Worker<Item extends QueueItem> {
  readonly #options: CreateWorkerOptions<Item>
  readonly #policy: RetryPolicy
  readonly #maxClaims: number
  readonly #concurrency: number
  readonly #leaseMs: number
  readonly #heartbeat: Heartbeat
  readonly #batcher: CompletionBatcher
  readonly #listener: Listener
  readonly #suspects: Suspects
  readonly #waiting: Item[] = []
  readonly #running = new Map<string, { item: Item; controller: AbortController; ended: Promise<void> }>()
  readonly #claiming = new AbortController()
  #wakeTimer: NodeJS.Timeout | undefined
  #isMoreDue = false
  #stopped: Promise<void> | undefined

  constructor(options: CreateWorkerOptions<Item>) {
    const policy = parseRetryPolicy(options.retry ?? 'default', 'retry')
    if (!policy.ok) throw new ValidationError(policy.error)
    this.#options = options
    this.#policy = policy.value
    this.#maxClaims = options.maxClaims ?? 10
    this.#suspects = new Suspects(this.#maxClaims)
    this.#concurrency = options.concurrency ?? 10
    this.#leaseMs = options.leaseMs ?? 30_000
    const onError = (error: unknown) => options.onError?.(error)
    this.#heartbeat = new Heartbeat({
      extend: (leases, leaseMs) => options.queue.extend(leases, leaseMs),
      leaseMs: this.#leaseMs,
      onLost: ({ leaseToken }) =>
        this.#running.get(leaseToken)?.controller.abort(new Error('the lease was lost')),
      onError,
    })
    this.#batcher = new CompletionBatcher({
      complete: (outcomes) => options.queue.complete(outcomes),
      onCompleted: (outcome) => {
        this.#heartbeat.forget(outcome)
        // An outcome may have made room under its group's cap, or a new head of its ordering key.
        this.#wakeSoon()
      },
      onError,
    })
    const wake = options.wake ?? options.queue.wakeOptions ?? { mode: 'poll' as const }
    this.#listener = new Listener({ ...wake, onWake: () => this.#fill(), onError })
  }

  /** Jobs in hand: being worked, waiting for a slot, or with an outcome that is not persisted yet. */
  get size(): number {
    return this.#heartbeat.size
  }

  /** Begins to work. */
  start(): Promise<void> {
    return this.#listener.start()
  }

  /**
   * Claims no more, gives waiting jobs back, lets running ones end within the grace, then aborts their signals
   * and gives back what still does not end. All outcomes are persisted before it returns, if the store allows.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** One claim after the other while there is room and something is due. */
  async #fill(): Promise<void> {
    const buffer = Math.min(this.#concurrency, 100)
    for (;;) {
      const room = this.#concurrency + buffer - this.#running.size - this.#waiting.length
      // A claim for a few rows costs nearly what one for many costs.
      if (room < Math.ceil(buffer / 2) || this.#claiming.signal.aborted) return
      const askedAt = performance.now()
      const limit = Math.min(room, 500)
      const items = await this.#options.queue.claim({ limit, leaseMs: this.#leaseMs })
      for (const item of items) this.#heartbeat.track(item, askedAt)
      const { admitted, putOff } = this.#suspects.admit(items)
      await this.#giveBack(putOff, { delayMs: putOffMs })
      this.#waiting.push(...admitted)
      this.#startWaiting()
      this.#isMoreDue = items.length === limit
      if (!this.#isMoreDue) return
    }
  }

  /** Outcomes come one by one; a claim for each would keep the database busy with finding nothing. */
  #wakeSoon(): void {
    this.#wakeTimer ??= setTimeout(() => {
      this.#wakeTimer = undefined
      this.#listener.wake()
    }, wakeDelayMs)
  }

  #startWaiting(): void {
    while (this.#running.size < this.#concurrency && !this.#claiming.signal.aborted) {
      const item = this.#waiting.shift()
      if (item === undefined) return
      if (item.claimCount > this.#maxClaims) {
        void this.#batcher.add({ ...leaseOf(item), kind: 'bury', reason: poisoned })
      } else if (this.#heartbeat.remainingMs(item) < this.#leaseMs * leastLease) {
        // Somebody else may have it before we are done, or has it already.
        this.#heartbeat.forget(item)
        this.#suspects.ended(item)
      } else {
        this.#begin(item)
      }
    }
  }

  #begin(item: Item): void {
    const controller = new AbortController()
    const ended = this.#work(item, controller.signal).finally(() => {
      this.#running.delete(item.leaseToken)
      this.#suspects.ended(item)
      this.#startWaiting()
      if (this.#isMoreDue) this.#listener.wake()
    })
    this.#running.set(item.leaseToken, { item, controller, ended })
  }

  async #work(item: Item, signal: AbortSignal): Promise<void> {
    const attempt = item.attemptCount + 1
    let ending: Ending
    try {
      ending = (await this.#options.handler(item, { signal, attempt })) ?? { kind: 'done' }
    } catch (error) {
      this.#options.onError?.(error, item)
      const delayMs = nextDelayMs(this.#policy, attempt)
      ending =
        delayMs === null
          ? { kind: 'bury', reason: `exhausted: ${messageOf(error)}` }
          : { kind: 'retry', delayMs, burnAttempt: true }
    }
    // Given back by a stop that could not wait.
    if (signal.aborted && this.#heartbeat.remainingMs(item) === 0) return
    const outcome: Outcome = { ...leaseOf(item), ...ending }
    await this.#batcher.add(outcome)
  }

  async #stop(): Promise<void> {
    this.#claiming.abort()
    clearTimeout(this.#wakeTimer)
    const { graceMs = 30_000 } = this.#options
    await before(graceMs, this.#listener.close())
    await this.#giveBack(this.#waiting.splice(0))
    await this.#ended(graceMs)
    for (const { controller } of this.#running.values()) controller.abort(new Error('the worker stops'))
    await this.#ended(abortGraceMs)
    await this.#giveBack([...this.#running.values()].map(({ item }) => item))
    await this.#batcher.close({ signal: AbortSignal.timeout(Math.max(abortGraceMs, graceMs)) })
    await this.#heartbeat.close()
  }

  #ended(ms: number): Promise<void> {
    return before(ms, Promise.all([...this.#running.values()].map(({ ended }) => ended)))
  }

  async #giveBack(items: readonly Item[], options: { delayMs?: number } = {}): Promise<void> {
    if (items.length === 0) return
    for (const item of items) this.#heartbeat.forget(item)
    try {
      await this.#options.queue.release(items.map(leaseOf), options)
    } catch (error) {
      // Their leases run out instead.
      this.#options.onError?.(error)
    }
  }
}

/**
 * A worker; `start()` makes it work.
 * @throws {ValidationError} when the retry policy is wrong.
 */
export function createWorker<Item extends QueueItem>(options: CreateWorkerOptions<Item>): Worker<Item> {
  return new Worker(options)
}

function leaseOf({ id, leaseToken }: QueueItem): { id: string; leaseToken: string } {
  return { id, leaseToken }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Ends with the work or after `ms`, whichever comes first. */
async function before(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, timeout])
  clearTimeout(timer)
}
