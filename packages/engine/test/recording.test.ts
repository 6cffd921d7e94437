import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { count, createWorld, PATIENCE, untilStatus, type World } from './support.ts'

describe('what is written of attempts', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await posthorn.endpoints.create({ url: world.receiver.url('/'), eventTypes: ['a'], retry: [1, 1, 1] })
    await posthorn.start()
  })
  afterAll(() => world.close())

  const publish = async () => (await posthorn.publish({ type: 'a', payload: 1 })).deliveryIds[0]
  const dropPartitions = async () => {
    const { rows } = await world.db.pool.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'posthorn.attempts'::regclass`,
    )
    for (const { name } of rows) await world.db.pool.query(`drop table ${name}`)
  }

  it('goes into a partition that is made when it is missing', async () => {
    await dropPartitions()
    const delivery = await untilStatus(posthorn, await publish(), 'delivered')
    expect(delivery.attempts).toHaveLength(1)
    expect(posthorn.stats.flushErrors).toBe(0)
  })

  it('is recognised as a missing partition in whatever language the server speaks', async () => {
    await dropPartitions()
    const error = await world.db.pool
      .query(
        `insert into posthorn.attempts (id, started_at, kind, endpoint_id, number, duration_ms, success, worker_id, circuit_epoch)
         values (gen_random_uuid(), now(), 'test', gen_random_uuid(), 1, 1, true, 'w', 0)`,
      )
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: '23514', table: 'attempts', constraint: undefined })
    await untilStatus(posthorn, await publish(), 'delivered')
  })

  it('goes into statistics once, by minute, with a histogram that holds every attempt', async () => {
    await world.db.pool.query('truncate posthorn.attempt_stats')
    const fresh = world.open()
    world.receiver.route('/stats', [{ status: 500 }, {}, { status: 404 }, {}])
    const { id } = await fresh.endpoints.create({
      url: world.receiver.url('/stats'),
      eventTypes: ['stats'],
      retry: [1],
      maxConcurrency: 1,
    })
    for (let n = 0; n < 3; n += 1) await fresh.publish({ type: 'stats', payload: n })
    await expect.poll(() => count(world.db.pool, 'delivery_queue'), PATIENCE).toBe(0)
    const { rows } = await world.db.pool.query(
      `select sum(attempts)::int as attempts, sum(successes)::int as successes, sum((select sum(n) from unnest(bucket_counts) n))::int as counted,
              coalesce(sum((failures ->> 'http_5xx')::int), 0)::int as "http_5xx", coalesce(sum((failures ->> 'http_4xx')::int), 0)::int as "http_4xx"
         from posthorn.attempt_stats where endpoint_id = $1`,
      [id.slice(3)],
    )
    expect(rows).toEqual([{ attempts: 4, successes: 2, counted: 4, http_5xx: 1, http_4xx: 1 }])
  })
})
