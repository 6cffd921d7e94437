import type pg from 'pg'
import type { QueueNames } from './names.ts'

/** A job that will not be tried again by itself. */
export interface BuriedJob<T> {
  id: string
  group: string
  payload: T
  reason: string
  /** Tries that were made. */
  attemptCount: number
  orderingKey: string | null
  enqueuedAt: Date
  buriedAt: Date
}

interface BuriedRow {
  id: string
  group_key: string
  payload: string
  reason: string
  attempt_count: number
  ordering_key: string | null
  enqueued_at: Date
  buried_at: Date
}

/** The buried jobs of a queue: to look at, to try again, to throw away. */
export class BuriedJobs<T> {
  readonly #pool: pg.Pool
  readonly #names: QueueNames

  constructor(pool: pg.Pool, names: QueueNames) {
    this.#pool = pool
    this.#names = names
  }

  /** The oldest buried jobs; `after` continues a list behind a job that it gave. */
  async list(options: { limit?: number; after?: BuriedJob<T> } = {}): Promise<BuriedJob<T>[]> {
    const { limit = 100, after } = options
    const { rows } = await this.#pool.query<BuriedRow>(
      `select id, group_key, payload, reason, attempt_count, ordering_key, enqueued_at, buried_at
      from ${this.#names.buried} b
      where $2::uuid is null or (buried_at, id) > (select buried_at, id from ${this.#names.buried} where id = $2)
      order by b.buried_at, b.id limit $1`,
      [limit, after?.id ?? null],
    )
    return rows.map((row) => ({
      id: row.id,
      group: row.group_key,
      payload: JSON.parse(row.payload) as T,
      reason: row.reason,
      attemptCount: row.attempt_count,
      orderingKey: row.ordering_key,
      enqueuedAt: row.enqueued_at,
      buriedAt: row.buried_at,
    }))
  }

  /**
   * Queues jobs again, due now and with all their tries; returns the ids that were buried. A job that halted its
   * key goes on in its place; any other goes out of order.
   */
  async requeue(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.#pool.query<{ id: string }>(
      `with taken as (
        delete from ${this.#names.buried} where id = any ($1::uuid[])
        returning id, group_key, payload, enqueued_at
      ),
      inserted as (
        insert into ${this.#names.jobs} (id, group_key, payload, enqueued_at, next_attempt_at)
        select id, group_key, payload, enqueued_at, statement_timestamp() from taken
        on conflict (id) do update set status = 'pending', next_attempt_at = excluded.next_attempt_at,
          attempt_count = 0, claim_count = 0
          where ${this.#names.jobs}.status = 'halted'
      )
      select id, pg_notify($2, '') from taken`,
      [[...ids], this.#names.channel],
    )
    return rows.map((row) => row.id)
  }

  /** Throws buried jobs away, and lets their keys go on; returns the ids that were buried. */
  async discard(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.#pool.query<{ id: string }>(
      `with taken as (
        delete from ${this.#names.buried} where id = any ($1::uuid[]) returning id
      ),
      freed as (
        delete from ${this.#names.jobs} where status = 'halted' and id in (select id from taken)
      )
      select id from taken`,
      [[...ids]],
    )
    return rows.map((row) => row.id)
  }
}
