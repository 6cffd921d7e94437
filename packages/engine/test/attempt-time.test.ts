import { beginClaimSql } from '@posthorn/queue'
import { expect, it } from 'vitest'
import { createWorld, PATIENCE, untilQueueEmpty } from './support.ts'

const QUEUE = {
  schema: 'posthorn',
  name: 'delivery_queue',
  groupColumn: 'endpoint_id',
  groupType: 'uuid',
} as const

it('times attempts by the database, also when their claim had to wait', async () => {
  await using world = await createWorld()
  const posthorn = world.open()
  await posthorn.enqueue({ url: world.receiver.url(), payload: { n: 1 } })
  const holder = await world.db.pool.connect()
  try {
    await holder.query(beginClaimSql(QUEUE))
    await posthorn.start()
    const waited = async () => {
      const { rows } = await world.db.pool.query<{ ms: number | null }>(
        `select (extract(epoch from clock_timestamp() - min(query_start)) * 1000)::int as ms from pg_stat_activity
          where datname = current_database() and wait_event = 'advisory'`,
      )
      return rows[0]?.ms ?? 0
    }
    await expect.poll(waited, PATIENCE).toBeGreaterThan(700)
    await holder.query('commit')
  } finally {
    holder.release()
  }
  await untilQueueEmpty(world.db)
  const { rows } = await world.db.pool.query(
    `select a.started_at <= d.delivered_at as "isInOrder" from posthorn.attempts a
       join posthorn.deliveries d on d.id = a.delivery_id`,
  )
  expect(rows).toEqual([{ isInOrder: true }])
})
