import type pg from 'pg'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'
import { newEndpoint } from './support.ts'

/** How full a database is. */
export interface Population {
  readonly endpoints: number
  /** events, each with one delivery and one attempt, over the last week */
  readonly history: number
  /** deliveries that are due, with their events */
  readonly due: number
}

// The n-th of `$1` moments of the last week, as the beginning of a UUIDv7.
const id = (text: string, at: string) =>
  `overlay(${text} placing substr(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0'), 1, 8) || '-' || substr(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0'), 9, 4) || '-7' from 1 for 15)::uuid`

/** Fills a database by a handful of statements. Tables are not analysed. */
export async function populate(pool: pg.Pool, { endpoints, history, due }: Population): Promise<void> {
  const { retry, circuit } = newEndpoint()
  await pool.query(
    `insert into posthorn.endpoints (id, app_id, url, url_sha256, host, event_types, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit)
     select ${id('gen_random_uuid()::text', `now() - n * interval '1 second'`)}, $1, 'https://example.test/' || n, sha256(n::text::bytea), 'example.test', '{order.*}', '', 30000, 5000, $2, 16, $3
       from generate_series(1, $4::int) n`,
    [DEFAULT_APP_ID, JSON.stringify(retry), JSON.stringify(circuit), endpoints],
  )
  await pool.query(
    'create table public.made (n int, id uuid, at timestamptz, endpoint_id uuid, is_due boolean)',
  )
  await pool.query(
    `insert into public.made
     select n, ${id('gen_random_uuid()::text', 'at')}, at, (select array_agg(id) from posthorn.endpoints)[1 + n % $3], n > $1
       from (select n, now() - ($1 + $2 - n) * interval '6 days' / ($1 + $2) as at from generate_series(1, $1::int + $2::int) n offset 0) t`,
    [history, due, endpoints],
  )
  await pool.query(
    `insert into posthorn.events (id, app_id, source, request_id, event_type, session_id, payload, status, received_at)
     select id, $1, 'test', case when n % 2 = 0 then 'req-' || n end, 'order.t' || n % 50, case when n % 20 = 0 then 's-' || n % 400 end, '{}',
            case when n % 1000 = 0 then 'FAILED' else 'SUCCESS' end, at from public.made`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.deliveries (id, event_id, endpoint_id, app_id, status, attempt_count, max_attempts, expires_at, created_at)
     select id, id, endpoint_id, $1, case when is_due then 'pending' else 'delivered' end, 1, 5, now() + interval '1 day', at from public.made`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.delivery_queue (id, endpoint_id, next_attempt_at, expires_at)
     select id, endpoint_id, now() - interval '1 hour', now() + interval '1 day' from public.made where is_due`,
  )
  await pool.query(
    `insert into posthorn.idempotency_keys (app_id, key, fingerprint, event_id, expires_at)
     select $1, 'req-' || n, '', id, at + interval '30 days' from public.made where n % 2 = 0`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.attempts (id, started_at, kind, delivery_id, endpoint_id, number, duration_ms, success, worker_id, circuit_epoch)
     select gen_random_uuid(), at, 'delivery', id, endpoint_id, 1, 12, true, 'w', 0 from public.made where not is_due`,
  )
}
