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

  it('refuses a schema that a newer version made', async () => {
    await db.pool.query(`insert into posthorn.migrations (hash, created_at) values ('newer', 9999999999999)`)
    await expect(migrate(db.url)).rejects.toMatchObject({ code: 'schema_too_new' })
    await db.pool.query(`delete from posthorn.migrations where hash = 'newer'`)
  })
})
