import { type Clock, systemClock } from '@posthorn/core'
import { inTransaction } from '@posthorn/db'
import type { ServicePool } from '@posthorn/engine/config'

/** How much waits. */
export interface Depth {
  /** due and waiting; {@link DEPTH_BOUND} means that many or more */
  readonly due: number
  /** leased by a worker; {@link DEPTH_BOUND} means that many or more */
  readonly leased: number
  /** how long the delivery that has waited longest is overdue; 0 when none is */
  readonly oldestDueSeconds: number
  /** rows of the queue, those due later included, as the last vacuum or analyze saw them */
  readonly estimatedRows: number
  /** captured events whose projection is due; {@link DEPTH_BOUND} means that many or more */
  readonly dueProjections: number
  /** how long the one that has waited longest is overdue; 0 when none is */
  readonly oldestProjectionSeconds: number
}

/** How far is counted. */
export const DEPTH_BOUND = 10_000

const FRESH_MS = 10_000
const STATEMENT_TIMEOUT_MS = 1_000

/**
 * How much waits in the queues, for metrics: at most 10 000 entries of an index are counted, at most every ten seconds
 * however many ask, for at most one second. The last figures stand where the database does not answer.
 */
export class QueueDepth {
  readonly #pool: ServicePool
  readonly #clock: Clock
  #last: Depth | undefined
  #measuredAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined

  constructor(pool: ServicePool, clock: Clock = systemClock) {
    this.#pool = pool
    this.#clock = clock
  }

  /** The figures, at most ten seconds old if the database answers; undefined while there are none. */
  async read(): Promise<Depth | undefined> {
    if (this.#clock.monotonic() - this.#measuredAt >= FRESH_MS) {
      this.#running ??= this.#measure().finally(() => {
        this.#running = undefined
      })
      await this.#running
    }
    return this.#last
  }

  async #measure(): Promise<void> {
    // A database that is in trouble is not asked more often for it.
    this.#measuredAt = this.#clock.monotonic()
    this.#last = await inTransaction(this.#pool, async (client) => {
      await client.query(
        `set local statement_timeout = ${STATEMENT_TIMEOUT_MS}; set local enable_seqscan = off`,
      )
      const { rows } = await client.query<Depth>(
        `select (select count(*)::int from (
                   select from posthorn.delivery_queue where status = 'pending' and next_attempt_at <= now()
                    order by next_attempt_at limit $1) as due) as due,
                (select count(*)::int from (
                   select from posthorn.delivery_queue where status = 'processing'
                    order by lease_expires_at limit $1) as leased) as leased,
                (select greatest(0, extract(epoch from now() - min(head.next_attempt_at)))::float8 from (
                   select next_attempt_at from posthorn.delivery_queue where status = 'pending'
                    order by next_attempt_at, id limit 1) as head) as "oldestDueSeconds",
                (select greatest(0, reltuples)::float8 from pg_class
                  where oid = 'posthorn.delivery_queue'::regclass) as "estimatedRows",
                (select count(*)::int from (
                   select from posthorn.projection_queue where status = 'pending' and next_attempt_at <= now()
                    order by next_attempt_at limit $1) as due) as "dueProjections",
                (select greatest(0, extract(epoch from now() - min(head.next_attempt_at)))::float8 from (
                   select next_attempt_at from posthorn.projection_queue where status = 'pending'
                    order by next_attempt_at, id limit 1) as head) as "oldestProjectionSeconds"`,
        [DEPTH_BOUND],
      )
      return rows[0]
    }).catch(() => this.#last)
  }
}
