import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
    const { rows } = await db.pool.query<{ n: number }>(
      `select count(*)::int as n from pg_inherits where inhparent = 'posthorn.attempts'::regclass`,
    )
    expect(rows).toEqual([{ n: 8 }])
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
