import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import type { Observer } from './support/observer.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const PARTITIONS = `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'posthorn.attempts'::regclass order by 1`

it('a server started after a month makes its partitions, and one that misses its day makes it and goes on', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver()
  await using stack = await Stack.open(database.url)
  const { observer } = stack
  const fresh = await observer.list(PARTITIONS)
  await ageByAMonth(observer, fresh)
  expect(await observer.list(PARTITIONS)).not.toEqual(expect.arrayContaining(fresh))

  const ingest = await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url(), ['*'])
  await publish(stack.ingestUrl, 'while-no-worker-runs', 20)
  const worker = await stack.worker()
  await until('what had waited is delivered', async () => (await observer.census()).queued === 0)
  expect(await observer.list(PARTITIONS)).toEqual(expect.arrayContaining(fresh))
  expect(await observer.count('select count(*) from posthorn.attempts')).toBe(20)

  // Under a worker that runs, its day disappears: the completion that needs it makes it.
  for (const name of await observer.list(PARTITIONS)) await observer.pool.query(`drop table posthorn.${name}`)
  expect(await observer.list(PARTITIONS)).toEqual([])
  await publish(stack.ingestUrl, 'work', 200)
  await until('everything is delivered', async () => (await observer.census()).queued === 0)
  expect((await observer.census()).byStatus).toEqual({ delivered: 220 })
  expect(await observer.count('select count(*) from posthorn.attempts')).toBe(200)
  expect(await observer.list(PARTITIONS)).not.toEqual([])
  expect(receiver.duplicates()).toEqual([])
  expect([ingest.isRunning, worker.isRunning]).toEqual([true, true])
})

/** As it stands when nobody has made partitions for a month: those there are end three weeks ago. */
async function ageByAMonth(observer: Observer, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const day = `${name.slice(-8, -4)}-${name.slice(-4, -2)}-${name.slice(-2)}`
    const [then] = await observer.list(`select to_char($1::date - 30, 'YYYYMMDD')`, [day])
    await observer.pool.query(`alter table posthorn.attempts detach partition posthorn.${name}`)
    await observer.pool.query(`alter table posthorn.${name} rename to attempts_p${then}`)
    await observer.pool.query(
      `alter table posthorn.attempts attach partition posthorn.attempts_p${then}
         for values from ('${then} 00:00:00+00') to ('${then} 00:00:00+00'::timestamptz + interval '1 day')`,
    )
  }
}
