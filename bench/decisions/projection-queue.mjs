// A row of its own in a queue beside a captured event, or queue columns on the event?
//
// Measures what taking in and finishing one captured event costs PostgreSQL, without its projection, in two designs that
// share the indexes of `events`:
//
//   row      an event and a narrow queue row; at the end the row goes and the event has its status
//   columns  the queue's columns on the event, with partial indexes over what is unfinished
//
// and what a look for lost leases reads afterwards, before any vacuum: with and without an old snapshot that keeps it away.
// Run: node --conditions=posthorn-source bench/decisions/projection-queue.mjs (ROUNDS, EVENTS, HISTORY in the environment).
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createTestDatabase } from '@posthorn/db/testing'

const env = (name, fallback) => Number(process.env[name] ?? fallback)
const [ROUNDS, EVENTS, HISTORY] = [env('ROUNDS', 5), env('EVENTS', 4_000), env('HISTORY', 300_000)]
const PAYLOAD = JSON.stringify({ hook_event_name: 'PreToolUse', tool_input: { command: 'x'.repeat(900) } })
const APP = '00000000-0000-7000-8000-000000000001'

const uuidv7 = () => {
  const [time, random] = [Date.now().toString(16).padStart(12, '0'), randomBytes(9).toString('hex')]
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6)}`
}

const database = await createTestDatabase({ max: 2 })
const client = await database.pool.connect()
await client.query(`
  alter table posthorn.events set (autovacuum_enabled = false);
  create table posthorn.wide (like posthorn.events including defaults including constraints);
  alter table posthorn.wide set (autovacuum_enabled = false), add primary key (id),
    add next_attempt_at timestamptz, add attempt_count int not null default 0, add claim_count int not null default 0,
    add lease_token uuid, add lease_expires_at timestamptz;
  create index on posthorn.wide (app_id, id);
  create index on posthorn.wide (app_id, event_type, id);
  create index on posthorn.wide (app_id, request_id) where request_id is not null;
  create index on posthorn.wide (app_id, session_id, id) where session_id is not null;
  create index on posthorn.wide (app_id, status, id) where status <> 'SUCCESS';
  create index on posthorn.wide (next_attempt_at, id) where status in ('PENDING', 'PENDING_RETRY');
  create index wide_leased on posthorn.wide (lease_token, app_id, lease_expires_at) where status = 'PROCESSING'`)
for (const table of ['events', 'wide']) {
  await client.query(
    `insert into posthorn.${table} (id, app_id, source, request_id, event_type, session_id, payload)
     select gen_random_uuid(), $1, 'claude-code', 'old-' || n, 'claude-code.k' || n % 30, 's-' || n % 5000, '{}' from generate_series(1, $2::int) n`,
    [APP, HISTORY],
  )
}
await client.query('analyze posthorn.events; analyze posthorn.wide')

const shared = `app_id, source, request_id, event_type, session_id, payload, status`
const values = `$1::uuid, 'claude-code', $2::text, 'claude-code.PreToolUse', 'session', $3::text, 'PROCESSING'`
const DESIGNS = {
  row: {
    take: `with e as (insert into posthorn.events (id, ${shared}) select $4::uuid, ${values} returning id),
      q as (insert into posthorn.projection_queue (id, app_id, status, claim_count, lease_token, lease_expires_at)
        select id, $1, 'processing', 1, gen_random_uuid(), now() + interval '30 s' from e returning id, lease_token) select * from q`,
    end: `with q as (delete from posthorn.projection_queue where id = $1 and lease_token = $2 returning id)
      update posthorn.events set status = 'SUCCESS', processed_at = now(), processing_time_ms = 1 where id = (select id from q)`,
    look: `select id from posthorn.projection_queue where status = 'processing' and lease_token >= '00000000-0000-0000-0000-000000000000' and lease_expires_at <= now() limit 2000`,
  },
  columns: {
    take: `insert into posthorn.wide (id, ${shared}, claim_count, lease_token, lease_expires_at)
      select $4::uuid, ${values}, 1, gen_random_uuid(), now() + interval '30 s' returning id, lease_token`,
    end: `update posthorn.wide set status = 'SUCCESS', processed_at = now(), processing_time_ms = 1, lease_token = null, lease_expires_at = null
      where id = $1 and lease_token = $2`,
    look: `select id from posthorn.wide where status = 'PROCESSING' and lease_token >= '00000000-0000-0000-0000-000000000000' and lease_expires_at <= now() limit 2000`,
  },
}

const { rows: backend } = await client.query('select pg_backend_pid() as pid')
const cpuMs = () => {
  const fields = readFileSync(`/proc/${backend[0].pid}/stat`, 'utf8').split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
const touched = async (look) => {
  const { rows } = await client.query(`explain (analyze, buffers, format json) ${look}`)
  const plan = rows[0]['QUERY PLAN'][0].Plan
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
}

async function measure(design, round) {
  const { take, end } = DESIGNS[design]
  const before = cpuMs()
  for (let n = 0; n < EVENTS; n += 1) {
    const { rows } = await client.query({
      name: `take_${design}`,
      text: take,
      values: [APP, `${design}-${round}-${n}`, PAYLOAD, uuidv7()],
    })
    await client.query({ name: `end_${design}`, text: end, values: [rows[0].id, rows[0].lease_token] })
  }
  return ((cpuMs() - before) * 1000) / EVENTS
}

await client.query('set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off')
const cost = { row: [], columns: [] }
for (let round = 0; round < ROUNDS; round += 1) {
  for (const design of round % 2 ? ['columns', 'row'] : ['row', 'columns'])
    cost[design].push(await measure(design, round))
}
const report = {}
for (const design of Object.keys(DESIGNS)) {
  const list = cost[design]
  report[design] = {
    'CPU µs per event': `${median(list).toFixed(0)} (${Math.min(...list).toFixed(0)}–${Math.max(...list).toFixed(0)})`,
    'pages of a look': await touched(DESIGNS[design].look),
  }
}
const holder = await database.pool.connect()
await holder.query('begin isolation level repeatable read')
await holder.query('select 1 from posthorn.events limit 1')
for (const design of Object.keys(DESIGNS)) {
  await measure(design, 'held')
  report[design]['pages of a look, old snapshot held'] = await touched(DESIGNS[design].look)
  const began = performance.now()
  await client.query(`vacuum posthorn.${design === 'row' ? 'projection_queue' : 'wide'}`)
  report[design]['vacuum of the queue, ms'] = Math.round(performance.now() - began)
}
await holder.query('rollback')
holder.release()
console.table(report)
client.release()
await database.drop()
