import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PreparedClaim } from '../test/claim-plan.ts'
import { createJobsTable, fill, groupSql } from '../test/jobs-table.ts'
import { startPostgres, type TestDatabase } from '../test/postgres.ts'
import { PostgresQueue } from './postgres-queue.ts'
import { qualifiedName } from './table.ts'

/**
 * Costs are counted in pages, so they are the same on a busy machine. Every table here is un-analysed, and
 * every plan was made while its table was empty: the worst that a claim can be given to plan with.
 */
describe('what a claim costs', () => {
  let database: TestDatabase
  const claims: PreparedClaim[] = []
  beforeAll(async () => {
    database = await startPostgres()
  })
  afterEach(() => {
    for (const claim of claims.splice(0)) claim.close()
  })
  afterAll(() => database?.stop())

  const open = async (name: string) => {
    const pool = database.pool({ max: 5 })
    const table = await createJobsTable(pool, name)
    const claim = await PreparedClaim.open(pool, table)
    claims.push(claim)
    return { pool, table, claim }
  }

  it('does not grow with the backlog', async () => {
    const few = await open('few')
    const many = await open('many')
    for (const [{ pool, table }, count] of [
      [few, 5000],
      [many, 150_000],
    ] as const) {
      await fill(pool, table, count)
      await fill(pool, table, 10_000, { sinceSql: `now() - interval '1 minute'`, groupOf: '2 + i % 1000' })
    }
    const small = await few.claim.cost()
    const large = await many.claim.cost()
    expect(small.rows).toBe(500)
    expect(large.rows).toBe(500)
    expect(large.seqScans).toEqual([])
    expect(large.pages).toBeLessThan(small.pages * 1.5)
  })

  it('does not grow with the groups that only have retries in the future', async () => {
    const { pool, table, claim } = await open('futures')
    await fill(pool, table, 5000)
    await fill(pool, table, 3000, { sinceSql: `now() + interval '1 hour'`, groupOf: '2 + i % 3000' })
    const some = await claim.cost({ limit: 10 })
    await fill(pool, table, 30_000, { sinceSql: `now() + interval '1 hour'`, groupOf: '5000 + i' })
    const more = await claim.cost({ limit: 10 })
    expect(more.rows).toBe(10)
    expect(more.seqScans).toEqual([])
    expect(more.pages).toBeLessThan(some.pages * 1.5)
  })

  it('does not grow with the rows that wait behind a head', async () => {
    const { pool, table, claim } = await open('blocked')
    await fill(pool, table, 1, { sinceSql: `now() + interval '1 hour'`, keyOf: `'stuck'` })
    await fill(pool, table, 5000, { keyOf: `'stuck'` })
    await fill(pool, table, 20, { sinceSql: `now() - interval '1 minute'`, keyOf: `'free ' || i` })
    const some = await claim.cost()
    await fill(pool, table, 60_000, { keyOf: `'stuck'` })
    const more = await claim.cost()
    expect(more.rows).toBe(16)
    expect(more.seqScans).toEqual([])
    expect(more.pages).toBeLessThan(some.pages * 1.5)
  })

  it('asks the gates group by group', async () => {
    const { pool, table, claim } = await open('gated')
    await pool.query(
      `insert into gated_endpoints select ${groupSql('i')}, 16, null from generate_series(1, 20000) i`,
    )
    await fill(pool, table, 3000, { groupOf: '1 + i % 3000' })
    const cost = await claim.cost()
    expect(cost.rows).toBe(500)
    expect(cost.seqScans).toEqual([])
  })

  it('does not walk what an old snapshot keeps from being vacuumed', async () => {
    const { pool, table, claim } = await open('snapshot')
    await fill(pool, table, 20_000, { groupOf: '1 + i % 100' })
    const reader = await pool.connect()
    await reader.query('begin isolation level repeatable read')
    await reader.query('select 1')
    const queue = new PostgresQueue({ pool, table, monotonic: () => 0 })
    for (let taken = 0; taken < 8000; ) {
      const items = await queue.claim({ limit: 1000, leaseMs: 30_000 })
      taken += items.length
      await queue.complete(items.map(({ id, leaseToken }) => ({ id, leaseToken, kind: 'done' })))
    }
    await pool.query(`vacuum ${qualifiedName(table)}`)
    const { rows } = await pool.query<{ floor: string; since: string }>(
      `select min(next_attempt_at)::text as floor,
        lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || repeat('0', 20) as since
      from ${qualifiedName(table)} where status = 'pending'`,
    )
    const whole = await claim.cost({ limit: 10 })
    const remembered = await claim.cost({ limit: 10, ...rows[0] })
    await reader.query('rollback')
    reader.release()
    expect(remembered.rows).toBe(10)
    expect(remembered.pages).toBeLessThan(whole.pages / 5)
  })
})
