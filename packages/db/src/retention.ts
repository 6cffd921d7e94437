import type pg from 'pg'
import { removeLocked } from './conversations/remove-conversations.ts'
import { dropOldPartitions } from './partitions.ts'

/** How long things are kept, in days. */
export interface RetentionDays {
  readonly events: number
  /** and calls */
  readonly attempts: number
  /** and approvals that are over, and notifications */
  readonly deadLetters: number
  readonly stats: number
}

/** What one run of retention removed. */
export interface RetentionReport {
  readonly partitions: string[]
  readonly rows: Readonly<Record<string, number>>
}

const BATCH = 5_000
/** Smaller: each may have thousands of rows of its own. */
const CONVERSATION_BATCH = 100

/**
 * Removes what is older than its term, children first, in short statements: attempts and calls by whole partitions, the rest
 * in bounded batches. A delivery that is not over is never removed, nor the event it needs. Safe to run at any time, twice.
 */
export async function applyRetention(pool: pg.Pool, keep: RetentionDays): Promise<RetentionReport> {
  const client = await pool.connect()
  try {
    const partitions = [
      ...(await dropOldPartitions(client, 'attempts', keep.attempts)),
      ...(await dropOldPartitions(client, 'calls', keep.attempts)),
    ]
    const rows: Record<string, number> = { conversations: await removeConversations(client, keep.events) }
    for (const [name, statement, days] of statements(keep)) {
      rows[name] = await deleteInBatches(client, statement, days)
    }
    return { partitions, rows }
  } finally {
    client.release()
  }
}

function statements(keep: RetentionDays): [name: string, statement: string, days: number][] {
  const gone = (table: string, key: string, where: string) =>
    `delete from posthorn.${table} where ${key} in (select ${key} from posthorn.${table} where ${where} limit ${BATCH})`
  // Ids are UUIDv7: "older than" is a range at the low end of the primary key.
  const before = `id < ${idAt("now() - $1::int * interval '1 day'")}`
  return [
    [
      'attempt_stats',
      `delete from posthorn.attempt_stats where ctid = any(array(select ctid from posthorn.attempt_stats where minute < now() - $1::int * interval '1 day' limit ${BATCH}))`,
      keep.stats,
    ],
    ['dead_letters', gone('dead_letters', 'id', `${before}`), keep.deadLetters],
    [
      'deliveries',
      gone(
        'deliveries',
        'id',
        `${before} and status <> 'pending' and not exists (select from posthorn.dead_letters l where l.delivery_id = deliveries.id and l.requeued_at is null and l.discarded_at is null) and not exists (select from posthorn.delivery_queue q where q.id = deliveries.id)`,
      ),
      keep.events,
    ],
    [
      'events',
      gone(
        'events',
        'id',
        `${before} and not exists (select from posthorn.deliveries d where d.event_id = events.id) and not exists (select from posthorn.projection_queue q where q.id = events.id)`,
      ),
      keep.events,
    ],
    [
      'idempotency_keys',
      `delete from posthorn.idempotency_keys where (app_id, key) in (select app_id, key from posthorn.idempotency_keys where expires_at < now() - $1::int * interval '1 day' limit ${BATCH})`,
      0,
    ],
    [
      'approvals',
      gone(
        'approvals',
        'id',
        `${before} and coalesce(decided_at, expires_at) < now() - $1::int * interval '1 day'`,
      ),
      keep.deadLetters,
    ],
    [
      'notifications',
      gone('notifications', 'id', `${before} and last_at < now() - $1::int * interval '1 day'`),
      keep.deadLetters,
    ],
    ['kept_answers', gone('kept_answers', 'key', `keep_until < now() - $1::int * interval '1 day'`), 0],
    [
      'hook_clients',
      `delete from posthorn.hook_clients where (app_id, id) in (select app_id, id from posthorn.hook_clients where last_seen_at < now() - $1::int * interval '1 day' limit ${BATCH})`,
      keep.stats,
    ],
  ]
}

/**
 * Removes conversations in which nothing has happened for so many days, with what was said and done in them.
 */
async function removeConversations(client: pg.PoolClient, days: number): Promise<number> {
  let total = 0
  for (;;) {
    await client.query('begin')
    try {
      const { rows } = await client.query<{ id: string }>(
        `select id from posthorn.conversations
          where id < ${idAt("now() - $1::int * interval '1 day'")} and last_event_at < now() - $1::int * interval '1 day'
          order by id limit ${CONVERSATION_BATCH} for update skip locked`,
        [days],
      )
      await removeLocked(
        client,
        rows.map(({ id }) => id),
      )
      await client.query('commit')
      total += rows.length
      if (rows.length < CONVERSATION_BATCH) return total
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  }
}

/** SQL for the smallest UUIDv7 of a moment. */
function idAt(instant: string): string {
  return `(lpad(to_hex((extract(epoch from ${instant}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid`
}

async function deleteInBatches(client: pg.PoolClient, statement: string, days: number): Promise<number> {
  let total = 0
  for (;;) {
    const { rowCount } = await client.query(statement, [days])
    total += rowCount ?? 0
    if ((rowCount ?? 0) < BATCH) return total
  }
}
