import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePartitionFor } from '../partitions.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { migrate, pendingMigrations } from './migrate.ts'

describe('migrate', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase({ migrated: false })
  })
  afterAll(() => db.drop())

  it('lets ten processes start at once and applies each migration once', async () => {
    expect(await pendingMigrations(db.pool)).not.toEqual([])
    const reports = await Promise.all(Array.from({ length: 10 }, () => migrate(db.url)))
    expect(reports.filter((report) => report.applied.length > 0)).toHaveLength(1)
    expect(await pendingMigrations(db.pool)).toEqual([])
    const { rows } = await db.pool.query('select count(*)::int as n from posthorn.apps')
    expect(rows).toEqual([{ n: 1 }])
  })

  it('makes the partitions of today and the coming week, and none twice', async () => {
    const { rows } = await db.pool.query(
      `select c.relname as name, count(*)::int as n from pg_inherits i join pg_class c on c.oid = i.inhparent
        where c.relkind = 'p' group by 1 order by 1`,
    )
    expect(rows).toEqual([
      { name: 'attempts', n: 8 },
      { name: 'calls', n: 8 },
    ])
    expect((await migrate(db.url)).partitions).toEqual([])
  })

  it('waits for an open transaction without stopping for good those that write behind it', async () => {
    const old = await createTestDatabase({ migrated: false })
    await applyFirstOnly(old.pool)
    const write = (client: pg.Pool | pg.PoolClient) =>
      client.query(
        `insert into posthorn.events (id, app_id, source, event_type, payload)
         values (gen_random_uuid(), gen_random_uuid(), 'test', 'a.b', '{}')`,
      )
    const caller = await old.pool.connect()
    await caller.query('begin')
    await write(caller)
    const migration = migrate(old.url)
    await expect
      .poll(async () => (await old.pool.query('select from pg_locks where not granted')).rowCount)
      .toBe(1)
    await write(old.pool)
    await caller.query('commit')
    caller.release()
    expect((await migration).applied).toEqual((await journal()).slice(1).map((entry) => entry.tag))
    await old.drop()
  })

  it('keeps apps, endpoints and attempts as an earlier version left them, and takes new ones beside them', async () => {
    const old = await createTestDatabase({ migrated: false })
    await applyFirstOnly(old.pool)
    const client = await old.pool.connect()
    await ensurePartitionFor(client, 'attempts', new Date())
    client.release()
    await old.pool.query(
      `insert into posthorn.endpoints (id, app_id, origin, url, url_sha256, host, capability, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit)
       select gen_random_uuid(), id, origin, 'https://a.test', '', 'a.test', 'quote', '', 1000, 1000, '{}', 1, '{}'
         from posthorn.apps, unnest(array['api', 'api', 'enqueue']) origin`,
    )
    const attempt = (kind: string, more = '') =>
      old.pool.query(
        `insert into posthorn.attempts (id, started_at, kind, endpoint_id, number, duration_ms, success, worker_id, circuit_epoch${more && ', call_id'})
         values ('00000000-0000-7000-8000-00000000000a', '${new Date().toISOString()}', $1, gen_random_uuid(), 1, 1, true, 'w', 0${more})`,
        [kind],
      )
    await attempt('test')
    expect((await migrate(old.url)).applied).toContain('0003_calls')
    await attempt('call', ', gen_random_uuid()')
    const { rows } = await old.pool.query(
      `select (select count(*)::int from posthorn.endpoints) as endpoints, (select array_agg(call_id is null order by kind desc) from posthorn.attempts) as attempts,
              (select secrets is null and updated_at is not null from posthorn.apps) as app`,
    )
    expect(rows).toEqual([{ endpoints: 3, attempts: [true, false], app: true }])
    await old.drop()
  })

  it('refuses a schema that a newer version made', async () => {
    await db.pool.query(`insert into posthorn.migrations (hash, created_at) values ('newer', 9999999999999)`)
    await expect(migrate(db.url)).rejects.toMatchObject({ code: 'schema_too_new' })
    await db.pool.query(`delete from posthorn.migrations where hash = 'newer'`)
  })
})

const folder = new URL('../../migrations/', import.meta.url)

async function journal(): Promise<{ tag: string; when: number }[]> {
  return JSON.parse(await readFile(new URL('meta/_journal.json', folder), 'utf8')).entries
}

/** A database as the first version left it. */
async function applyFirstOnly(pool: pg.Pool): Promise<void> {
  const [first] = await journal()
  await pool.query(await readFile(new URL(`${first?.tag}.sql`, folder), 'utf8'))
  await pool.query(
    'create table posthorn.migrations (id serial primary key, hash text not null, created_at bigint)',
  )
  await pool.query(`insert into posthorn.migrations (hash, created_at) values ('first', $1)`, [first?.when])
}
