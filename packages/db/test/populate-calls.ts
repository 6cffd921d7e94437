import type pg from 'pg'
import { sealAppSecrets } from '../src/apps/app-secrets.ts'
import { keyring, newEndpoint, rowsOf } from './support.ts'

/** A call in the midst of many. */
export interface SomeCall {
  readonly id: string
  /** one that has many endpoints which cannot be called */
  readonly appId: string
  readonly otherAppId: string
  /** an approval that waits */
  readonly pending: string
}

const TABLES = [
  'apps',
  'manifests',
  'endpoints',
  'circuit_breakers',
  'approvals',
  'notifications',
  'kept_answers',
]

const idAt = (at: string) =>
  `(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid`

/** Fills a database with 300 apps that are called, and one among them that `enqueue({ url })` has made many endpoints for. */
export async function populateCalls(pool: pg.Pool, isAnalysed: boolean): Promise<SomeCall> {
  if (!isAnalysed)
    for (const table of TABLES)
      await pool.query(`alter table posthorn.${table} set (autovacuum_enabled = false)`)
  const { retry, circuit } = newEndpoint()
  await pool.query(
    `insert into posthorn.apps (id, name) select ${idAt("now() - n * interval '1 hour'")}, 'app' from generate_series(1, 300) n`,
  )
  await pool.query(
    'create table public.callers as select id, row_number() over (order by id)::int as n from posthorn.apps',
  )
  const [app] = await rowsOf<{ id: string }>(pool, 'select id from public.callers where n = 77')
  const appId = app?.id ?? ''
  await pool.query('update posthorn.apps set secrets = $2 where id = $1', [
    appId,
    sealAppSecrets(keyring, appId, [{ secret: 'whsec_' }]),
  ])
  await pool.query(
    `insert into posthorn.manifests (app_id, version, manifest) select id, v, '{}' from public.callers, generate_series(1, 10) v`,
  )
  await pool.query(
    `insert into posthorn.endpoints (id, app_id, origin, capability, url, url_sha256, host, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit)
     select gen_random_uuid(), id, 'manifest', 'c' || c, 'https://a.test', ''::bytea, 'a.test', ''::bytea, 1000, 1000, $1::jsonb, 16, $2::jsonb from public.callers, generate_series(1, 5) c
     union all
     select gen_random_uuid(), $3::uuid, 'enqueue', null, 'https://a.test', sha256(n::text::bytea), 'a.test', '', 1000, 1000, $1, 16, $2 from generate_series(1, 5000) n`,
    [JSON.stringify(retry), JSON.stringify(circuit), appId],
  )
  await pool.query(
    `insert into posthorn.circuit_breakers (endpoint_id, name, epoch, state) select id, 'closed', 0, '{}' from posthorn.endpoints where capability is not null`,
  )
  await pool.query(
    `create table public.made as select t.n, a.id as app_id, at, ${idAt('at')} as id
       from (select n, now() - n * interval '10 seconds' as at from generate_series(1, 50000) n) t join public.callers a on a.n = 1 + t.n % 300`,
  )
  await pool.query(
    `insert into posthorn.calls (id, app_id, capability, request_id, outcome, started_at, duration_ms, attempts)
     select id, app_id, 'c' || n % 5, 'r' || n, case when n % 10 = 0 then 'fallback' else 'ok' end, at, 1, 1 from public.made`,
  )
  await pool.query(
    `insert into posthorn.attempts (id, started_at, kind, call_id, delivery_id, endpoint_id, number, duration_ms, success, worker_id, circuit_epoch)
     select gen_random_uuid(), at, case when is_call then 'call' else 'delivery' end, case when is_call then id end, case when not is_call then id end, app_id, 1, 1, true, 'w', 0
       from public.made, unnest(array[true, false]) is_call`,
  )
  await pool.query(
    `insert into posthorn.approvals (id, call_id, app_id, capability, payload, context, status, created_at, expires_at)
     select id, id, app_id, 'c', '{}', '{}', case when n % 100 = 0 then 'pending' else 'approved' end, at, now() + interval '1 day' from public.made where n <= 20000`,
  )
  await pool.query(
    `insert into posthorn.notifications (id, app_id, capability, room_id, reason, strategy, count, first_at, last_at, call_id, parts)
     select id, app_id, 'c' || n % 5, case when n % 10 > 0 then 'room-' || n % 2000 end, 'timeout', 'static', 1, at, at, id, '{}' from public.made where n <= 40000`,
  )
  await pool.query(
    `insert into posthorn.kept_answers select 'key-' || n, '{}', now(), now() + n * interval '1 minute' from generate_series(1, 5000) n`,
  )
  if (isAnalysed) await pool.query('analyze')
  const [some] = await rowsOf<SomeCall>(
    pool,
    `select (select id from public.made where app_id = $1 order by id limit 1) as id, $1::uuid as "appId", (select id from public.callers where n = 1) as "otherAppId",
            (select id from posthorn.approvals where status = 'pending' limit 1) as pending`,
    [appId],
  )
  if (some === undefined) throw new Error('nothing was made')
  return some
}
