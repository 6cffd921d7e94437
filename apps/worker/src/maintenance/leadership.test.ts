import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { openServicePool, type ServicePool } from '@posthorn/engine/config'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Leadership } from './leadership.ts'

const [SWEEP, RETENTION] = [1, 2]

describe('Leadership', () => {
  let db: TestDatabase
  const pools: ServicePool[] = []
  const leaderships: Leadership[] = []
  const create = (name: string) => {
    const pool = openServicePool({ DATABASE_URL: db.url }, { max: 2, name })
    const leadership = new Leadership(pool)
    pools.push(pool)
    leaderships.push(leadership)
    return leadership
  }
  beforeAll(async () => {
    db = await createTestDatabase({ migrated: false })
  })
  afterAll(async () => {
    await Promise.all(leaderships.map((each) => each.close()))
    await Promise.all(pools.map((pool) => pool.end()))
    await db.drop()
  })

  it('gives a duty to one, keeps it there, and passes it on when that one closes', async () => {
    const [first, second] = [create('first'), create('second')]
    expect(await first.has(SWEEP)).toBe(true)
    expect(await second.has(SWEEP)).toBe(false)
    expect(await first.has(SWEEP)).toBe(true)
    await first.close()
    await expect.poll(() => second.has(SWEEP)).toBe(true)
    expect(await first.has(SWEEP)).toBe(false)
    await Promise.all([first.close(), second.close()])
  })

  it('shares duties out one by one, also when all ask at once', async () => {
    const all = [create('a'), create('b'), create('c')]
    for (const duty of [SWEEP, RETENTION]) {
      const answers = await Promise.all(all.map((each) => each.has(duty)))
      expect(answers.filter(Boolean)).toHaveLength(1)
    }
    await Promise.all(all.map((each) => each.close()))
  })

  it('loses a duty with its connection, and says so before it takes anything again', async () => {
    const [lost, other] = [create('lost'), create('other')]
    expect(await lost.has(SWEEP)).toBe(true)
    await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lost'`,
    )
    await expect.poll(() => other.has(SWEEP)).toBe(true)
    expect(await lost.has(SWEEP).catch(() => false)).toBe(false)
    expect(await lost.has(SWEEP)).toBe(false)
  })
})
