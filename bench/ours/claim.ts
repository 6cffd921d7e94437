import pg from 'pg'
import type { ClaimTarget } from '../claim/target.ts'
import { groupIdSql, rowsSql } from '../claim/target.ts'
import { withPosthorn } from './engine.ts'

const APP = '00000000-0000-7000-8000-000000000001'
const ENDPOINTS = 10_001
const LEASE_MS = 60_000

/** Posthorn's own queue of deliveries, with the schema that its migrations make. */
export async function openPosthornQueue(connectionString: string): Promise<ClaimTarget> {
  await withPosthorn(connectionString, (posthorn) => posthorn.migrate())
  const [{ PostgresQueue }, { DELIVERY_GATES }] = await Promise.all([
    import('@posthorn/queue'),
    import('@posthorn/db'),
  ])
  const pool = new pg.Pool({ connectionString })
  pool.on('error', () => undefined)
  const queue = new PostgresQueue({
    pool,
    table: {
      schema: 'posthorn',
      name: 'delivery_queue',
      groupColumn: 'endpoint_id',
      groupType: 'uuid',
      gates: DELIVERY_GATES,
    },
  })
  await pool.query(endpointsSql())
  return {
    async fill(history, rows) {
      await pool.query('truncate posthorn.deliveries, posthorn.delivery_queue')
      await pool.query(historySql(history))
      for (const part of rows)
        await pool.query(`insert into posthorn.delivery_queue (id, endpoint_id, next_attempt_at, expires_at)
          select id, group_id, due_at, now() + interval '3 days' from (${rowsSql(part)}) as part`)
      await pool.query('vacuum analyze')
    },
    async claim(limit) {
      const items = await queue.claim({ limit, leaseMs: LEASE_MS })
      return { groups: items.map((item) => item.group), release: () => queue.release(items) }
    },
    close: () => pool.end(),
  }
}

function endpointsSql(): string {
  return `insert into posthorn.endpoints
      (id, app_id, url, url_sha256, host, event_types, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit)
    select ${groupIdSql('i')}, '${APP}', 'http://127.0.0.1:9/' || i, sha256(i::text::bytea), '127.0.0.1', '{}', '\\x00',
      30000, 5000, '{}', 16, '{}'
    from generate_series(0, ${ENDPOINTS - 1}) as i`
}

function historySql(count: number): string {
  return `insert into posthorn.deliveries (id, event_id, endpoint_id, app_id, status, attempt_count, max_attempts, expires_at, delivered_at)
    select uuidv7(), uuidv7(), ${groupIdSql(`i % ${ENDPOINTS}`)}, '${APP}', 'delivered', 1, 5, now(), now()
    from generate_series(1, ${count}) as i`
}
