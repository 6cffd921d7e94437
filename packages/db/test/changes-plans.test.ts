import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChangeCursor, cursorAt } from '../src/changes/cursor.ts'
import { currentSnapshot, readChanges } from '../src/changes/read-changes.ts'
import { sweepChanges } from '../src/changes/sweep-changes.ts'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../src/testing/index.ts'
import { mostRowsInVain, plansOf, tablesScanned } from './plans.ts'

const TRANSACTIONS = 60
const ROWS_EACH = 1_000

describe('plans of the live stream over many changes', () => {
  let db: TestDatabase
  /** a reader that has seen everything, while a transaction was open that began before all of it */
  let current: ChangeCursor
  beforeAll(async () => {
    db = await createTestDatabase()
    const old = await db.pool.connect()
    await old.query('begin; select pg_current_xact_id()')
    for (let n = 0; n < TRANSACTIONS; n++) {
      await db.pool.query(
        `insert into posthorn.changes (app_id, type, data)
         select case when n % 2 = 0 then $1::uuid else gen_random_uuid() end, 'event', '{}' from generate_series(1, ${ROWS_EACH}) n`,
        [DEFAULT_APP_ID],
      )
    }
    current = cursorAt(await currentSnapshot(db.pool))
    expect(current.snapshot.inProgress.length).toBeGreaterThan(0)
    await old.query('commit')
    old.release()
    await db.pool.query('analyze posthorn.changes')
  })
  afterAll(() => db.drop())

  it.each([
    ['from where it is', () => current],
    ['inside of a transaction', () => ({ ...current, within: { xid: current.snapshot.xmax, seq: 0n } })],
  ])('a reader looks at nothing that it has been given: %s', async (_, after) => {
    const plans = await plansOf(
      db.url,
      (pool) => readChanges(pool, { appIds: [DEFAULT_APP_ID], after: after(), limit: 500 }),
      { analyze: true },
    )
    expect(tablesScanned(plans)).not.toContain('changes')
    expect(mostRowsInVain(plans)).toBe(0)
  })

  it('sweeping goes by the index of transactions', async () => {
    await sweepChanges(db.pool)
    const plans = await plansOf(db.url, (pool) => sweepChanges(pool, 3_600_000), {
      settings: 'set enable_seqscan = off',
    })
    expect(tablesScanned(plans)).not.toContain('changes')
  })
})
