import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createPosthorn, type Posthorn } from '@posthorn/engine'
import { openServicePool } from '@posthorn/engine/config'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEPTH_BOUND, QueueDepth } from './queue-depth.ts'

describe('QueueDepth', () => {
  let db: TestDatabase
  let posthorn: Posthorn
  beforeAll(async () => {
    db = await createTestDatabase()
    posthorn = createPosthorn({ connectionString: db.url, encryptionKeys: generateEncryptionKey() })
    await posthorn.endpoints.create({ url: 'https://example.com/', eventTypes: ['*'] })
    await posthorn.publishMany(Array.from({ length: 3 }, (_, n) => ({ type: 'a', payload: n })))
    await posthorn.publish({ type: 'a', payload: 'later', scheduledAt: new Date(Date.now() + 3_600_000) })
    await db.pool.query(`update posthorn.delivery_queue set next_attempt_at = now() - interval '90 seconds'
      where id = (select min(id::text)::uuid from posthorn.delivery_queue)`)
  })
  afterAll(async () => {
    await posthorn.stop()
    await db.drop()
  })

  it('tells what is due, what is leased and how late the oldest is', async () => {
    const depth = await new QueueDepth(db.pool).read()
    expect(depth).toMatchObject({ due: 3, leased: 0 })
    expect(depth?.oldestDueSeconds).toBeGreaterThanOrEqual(90)
    expect(depth?.oldestDueSeconds).toBeLessThan(600)
  })

  it('tells how many projections are due, and how late the oldest is', async () => {
    expect(await new QueueDepth(db.pool).read()).toMatchObject({
      dueProjections: 0,
      oldestProjectionSeconds: 0,
    })
    await db.pool.query(
      `insert into posthorn.projection_queue (id, app_id, next_attempt_at)
       select gen_random_uuid(), gen_random_uuid(), now() + wait from unnest('{-90 s, 0 s, 1 hour}'::interval[]) wait`,
    )
    const depth = await new QueueDepth(db.pool).read()
    expect(depth).toMatchObject({ dueProjections: 2 })
    expect(depth?.oldestProjectionSeconds).toBeGreaterThanOrEqual(90)
  })

  it('asks the database at most once in ten seconds, also when many ask at once', async () => {
    let now = 0
    const clock = { now: () => now, monotonic: () => now }
    const queries: string[] = []
    const pool = new Proxy(db.pool, {
      get: (target, name) => {
        if (name === 'connect') queries.push('connect')
        return Reflect.get(target, name)
      },
    })
    const depth = new QueueDepth(pool, clock)
    await Promise.all([depth.read(), depth.read(), depth.read()])
    now = 9_999
    await depth.read()
    expect(queries).toHaveLength(1)
    now = 10_000
    await depth.read()
    expect(queries).toHaveLength(2)
  })

  it('keeps the last figures while the database does not answer', async () => {
    let now = 0
    let isDown = false
    const pool = new Proxy(db.pool, {
      get: (target, name) => {
        if (name === 'connect' && isDown) return () => Promise.reject(new Error('down'))
        return Reflect.get(target, name)
      },
    })
    const depth = new QueueDepth(pool, { now: () => now, monotonic: () => now })
    const before = await depth.read()
    isDown = true
    now = 60_000
    expect(before).toBeDefined()
    expect(await depth.read()).toEqual(before)
  })

  it('reads indexes only, and counts no further than its bound', async () => {
    await db.pool.query(`insert into posthorn.delivery_queue (id, endpoint_id, next_attempt_at, expires_at)
      select gen_random_uuid(), gen_random_uuid(), now() - interval '1 minute', now() + interval '1 day'
        from generate_series(1, ${DEPTH_BOUND + 500})`)
    // One connection, so that what it did is counted before it is asked for.
    const pool = openServicePool({ DATABASE_URL: db.url }, { max: 1, name: 'one' })
    const tableScans = async () => {
      await pool.query('select pg_stat_force_next_flush()')
      const { rows } = await pool.query<{ scans: number }>(
        `select pg_stat_get_numscans('posthorn.delivery_queue'::regclass)::int as scans`,
      )
      return rows[0]?.scans ?? Number.NaN
    }
    try {
      const before = await tableScans()
      expect(await new QueueDepth(pool).read()).toMatchObject({ due: DEPTH_BOUND })
      expect(await tableScans()).toBe(before)
      await pool.query('select count(claim_count) from posthorn.delivery_queue')
      expect(await tableScans()).toBe(before + 1)
    } finally {
      await pool.end()
    }
  })
})
