import { ValidationError } from '@posthorn/core'
import type pg from 'pg'
import { defaultMaxInFlight, PostgresQueue } from '../postgres-queue.ts'
import { enqueueSql } from '../sql/enqueue.ts'
import type { ClaimRequest, Completion, Lease, Outcome, Queue, QueueItem } from '../types.ts'
import type { WakeOptions } from '../worker.ts'
import { BuriedJobs } from './buried-jobs.ts'
import { type QueueLocation, type QueueNames, queueNames } from './names.ts'
import { isKey, type NewItem, newItemColumns } from './new-items.ts'

/** A leased job. */
export interface Job<T> extends QueueItem {
  payload: T
}

export interface CreateQueueOptions extends QueueLocation {
  pool: pg.Pool
  /** Most jobs of a group that are worked at a time, over all workers, unless `setGroup` says otherwise. 16 */
  defaultMaxInFlight?: number
  /** True: a buried job with an ordering key blocks its key until it is requeued or discarded. False */
  haltKeys?: boolean
  /** False behind a transaction pooler (pgbouncer). True */
  preparedStatements?: boolean
}

/** A queue in tables of its own, made by `migrateQueue`. Jobs leave the table when they are done. */
export class JobQueue<T = unknown> implements Queue {
  readonly atomicRecords = false
  /** Jobs that will not be tried again by themselves. */
  readonly buried: BuriedJobs<T>
  readonly #options: CreateQueueOptions
  readonly #names: QueueNames
  readonly #queue: PostgresQueue
  readonly #payloads = new WeakMap<QueueItem, string>()

  constructor(options: CreateQueueOptions) {
    this.#options = options
    this.#names = queueNames(options)
    this.buried = new BuriedJobs(options.pool, this.#names)
    this.#queue = new PostgresQueue({
      pool: options.pool,
      table: this.#names.table,
      buriedColumns: ['payload', 'enqueued_at'],
      haltKeys: options.haltKeys ?? false,
      defaultMaxInFlight: options.defaultMaxInFlight ?? defaultMaxInFlight,
      preparedStatements: options.preparedStatements ?? true,
      onClaimed: (client, items) => this.#load(client, items),
    })
  }

  /** Channel that `enqueue` notifies; a `Listener` on it wakes a worker at once. */
  get channel(): string {
    return this.#names.channel
  }

  /** The pool that was given. */
  get pool(): pg.Pool {
    return this.#options.pool
  }

  /** A worker listens over a connection like the pool's; behind a transaction pooler it polls. */
  get wakeOptions(): WakeOptions {
    if (this.#options.preparedStatements === false) return { mode: 'poll' }
    // The pool hides its password from copying.
    const { options } = this.pool
    return { connection: { ...options, password: options.password }, channel: this.channel }
  }

  /**
   * Enqueues jobs and returns their ids. With `client` they become part of the caller's transaction; workers
   * then find them by their poll, unless `notify` is `in-tx` or the caller calls `wake()` after the commit.
   * @throws {ValidationError} before the database is touched.
   */
  async enqueue(
    items: readonly NewItem<T>[],
    options: { client?: pg.ClientBase; notify?: 'in-tx' | 'none' } = {},
  ): Promise<string[]> {
    const columns = newItemColumns(items)
    if (items.length === 0) return []
    const notify = options.notify ?? (options.client ? 'none' : 'in-tx')
    const values = [...columns, notify === 'in-tx' ? this.channel : null]
    await (options.client ?? this.pool).query(enqueueSql(this.#names.jobs), values)
    return columns[0]
  }

  /** Wakes the workers that listen. */
  async wake(): Promise<void> {
    await this.pool.query(`select pg_notify($1, '')`, [this.channel])
  }

  /** Sets a group's cap, or pauses it; what is left out goes back to its default. */
  async setGroup(group: string, settings: { maxInFlight?: number; isPaused?: boolean }): Promise<void> {
    const { maxInFlight, isPaused = false } = settings
    if (!isKey(group)) throw new ValidationError([{ path: 'group', message: 'is not usable' }])
    if (maxInFlight !== undefined && !(Number.isInteger(maxInFlight) && maxInFlight >= 0)) {
      throw new ValidationError([
        { path: 'maxInFlight', message: `is ${maxInFlight}`, expected: 'an integer from 0' },
      ])
    }
    await this.pool.query(
      `insert into ${this.#names.groups} (group_key, max_in_flight, allowance) values ($1, $2, $3)
      on conflict (group_key) do update
      set max_in_flight = excluded.max_in_flight, allowance = excluded.allowance`,
      [group, maxInFlight ?? null, isPaused ? 0 : null],
    )
  }

  /** Counts jobs by state. It reads the whole table: for people, not for loops. */
  async counts(): Promise<{ pending: number; processing: number; halted: number; buried: number }> {
    const { rows } = await this.pool.query<{ state: string; n: string }>(
      `select status as state, count(*) as n from ${this.#names.jobs} group by status
      union all select 'buried', count(*) from ${this.#names.buried}`,
    )
    const counted = { pending: 0, processing: 0, halted: 0, buried: 0 }
    return Object.assign(counted, Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)])))
  }

  async claim(request: ClaimRequest): Promise<Job<T>[]> {
    const items = await this.#queue.claim(request)
    return items.map((item) => ({ ...item, payload: JSON.parse(this.#payloads.get(item) ?? 'null') as T }))
  }

  complete(outcomes: readonly Outcome[]): Promise<Completion[]> {
    return this.#queue.complete(outcomes)
  }

  extend(leases: readonly Lease[], leaseMs: number): Promise<string[]> {
    return this.#queue.extend(leases, leaseMs)
  }

  release(leases: readonly Lease[], options?: { delayMs?: number }): Promise<void> {
    return this.#queue.release(leases, options)
  }

  async #load(client: pg.PoolClient, items: readonly QueueItem[]): Promise<void> {
    const { rows } = await client.query<{ id: string; payload: string }>(
      `select id, payload from ${this.#names.jobs} where id = any ($1::uuid[])`,
      [items.map((item) => item.id)],
    )
    const payloads = new Map(rows.map((row) => [row.id, row.payload]))
    for (const item of items) this.#payloads.set(item, payloads.get(item.id) ?? 'null')
  }
}

/**
 * A queue in tables of its own. Run `migrateQueue(pool, { name })` once before.
 * @throws {ValidationError} when the name is not usable.
 */
export function createQueue<T = unknown>(options: CreateQueueOptions): JobQueue<T> {
  return new JobQueue<T>(options)
}
