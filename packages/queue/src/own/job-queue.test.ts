import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startPostgres, type TestDatabase } from '../../test/postgres.ts'
import { createQueue, type JobQueue } from './job-queue.ts'
import { migrateQueue } from './migrate.ts'

interface Mail {
  to: string
}

describe('a queue of its own', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let queue: JobQueue<Mail>
  let queues = 0
  beforeAll(async () => {
    database = await startPostgres()
    pool = database.pool({ max: 10 })
  })
  afterAll(() => database?.stop())
  beforeEach(async () => {
    queues += 1
    await migrateQueue(pool, { name: `mails_${queues}` })
    queue = createQueue<Mail>({ pool, name: `mails_${queues}` })
  })

  const claim = (limit = 10) => queue.claim({ limit, leaseMs: 30_000 })
  const end = async (kind: 'done' | 'bury') =>
    queue.complete(
      (await claim()).map(({ id, leaseToken }) =>
        kind === 'done' ? { id, leaseToken, kind } : { id, leaseToken, kind, reason: 'bad\0 address' },
      ),
    )

  describe('migrateQueue', () => {
    it('may be run by many at once, and again', async () => {
      const location = { name: 'crowd' }
      await Promise.all(Array.from({ length: 8 }, () => migrateQueue(pool, location)))
      await migrateQueue(pool, location)
      const crowd = createQueue({ pool, ...location })
      expect(await crowd.enqueue([{ payload: 1 }])).toHaveLength(1)
    })

    it('keeps away from tables that a newer version made', async () => {
      await migrateQueue(pool, { name: 'newer' })
      await pool.query(`update posthorn_queue.queue_versions set version = 99 where name = 'newer'`)
      await expect(migrateQueue(pool, { name: 'newer' })).rejects.toMatchObject({ code: 'schema_too_new' })
    })

    it('refuses names that would have to be quoted', async () => {
      await expect(migrateQueue(pool, { name: 'a"; drop', schema: '1x' })).rejects.toMatchObject({
        code: 'validation',
        issues: [{ path: 'schema' }, { path: 'name' }],
      })
    })
  })

  describe('enqueue', () => {
    it('gives the payload to whoever claims', async () => {
      const payload = { to: 'ä\0\ud800"' }
      const [id] = await queue.enqueue([{ payload }])
      expect(await claim()).toMatchObject([{ id, group: 'default', payload }])
    })

    it('belongs to the transaction of its caller', async () => {
      const client = new pg.Client({ connectionString: database.connectionString })
      await client.connect()
      await client.query('begin')
      await queue.enqueue([{ payload: { to: 'lost' } }], { client })
      expect(await claim()).toEqual([])
      await client.query('rollback')
      await client.query('begin')
      await queue.enqueue([{ payload: { to: 'kept' } }], { client })
      await client.query('commit')
      const { rowCount } = await client.query('select from pg_prepared_statements')
      await client.end()
      expect(rowCount).toBe(0)
      expect(await claim()).toMatchObject([{ payload: { to: 'kept' } }])
    })

    it('wakes by itself, by request in a transaction, and by wake()', async () => {
      const listener = new pg.Client({ connectionString: database.connectionString })
      const heard: string[] = []
      listener.on('notification', ({ channel }) => heard.push(channel))
      await listener.connect()
      await listener.query(`listen ${queue.channel}; listen the_end`)
      const heardAfter = async (action: () => Promise<unknown>) => {
        await action()
        await pool.query('notify the_end')
        await vi.waitFor(() => expect(heard).toContain('the_end'))
        return heard.splice(0).filter((channel) => channel === queue.channel).length
      }
      const mail = [{ payload: { to: 'a' } }]
      expect(await heardAfter(() => queue.enqueue([...mail, ...mail]))).toBe(1)
      expect(await heardAfter(() => queue.enqueue(mail, { notify: 'none' }))).toBe(0)
      const client = await pool.connect()
      expect(await heardAfter(() => queue.enqueue(mail, { client }))).toBe(0)
      expect(await heardAfter(() => queue.enqueue(mail, { client, notify: 'in-tx' }))).toBe(1)
      client.release()
      expect(await heardAfter(() => queue.wake())).toBe(1)
      await listener.end()
    })

    it('takes an id once while it is in the queue', async () => {
      const item = { id: '01900000-0000-7000-8000-000000000001', payload: { to: 'once' } }
      await queue.enqueue([item])
      expect(await queue.enqueue([item])).toEqual([item.id])
      expect(await queue.counts()).toMatchObject({ pending: 1 })
    })

    it('takes a time instead of a delay', async () => {
      await queue.enqueue([
        { payload: { to: 'past' }, runAt: new Date(0) },
        { payload: { to: 'future' }, runAt: new Date(Date.now() + 3_600_000) },
      ])
      expect(await claim()).toMatchObject([{ payload: { to: 'past' }, dueAtMs: 0 }])
    })

    it('names every mistake of every item before it touches the database', async () => {
      const broken = createQueue<unknown>({
        pool: new pg.Pool({ connectionString: 'postgres://x@127.0.0.1:1/x' }),
      })
      const enqueue = broken.enqueue([
        { payload: 1n, delayMs: -1 },
        { payload: 1 },
        {
          payload: undefined,
          id: 'x',
          group: '',
          orderingKey: 'a\0',
          runAt: new Date(Number.NaN),
          delayMs: 0,
        },
      ])
      await expect(enqueue).rejects.toMatchObject({
        code: 'validation',
        issues: [
          '[0].delayMs',
          '[0].payload',
          '[2].id',
          '[2].group',
          '[2].orderingKey',
          '[2].runAt',
          '[2].runAt',
          '[2].payload',
        ].map((path) => ({ path })),
      })
      await broken.pool.end()
    })
  })

  it('pauses a group and limits it', async () => {
    await queue.enqueue(Array.from({ length: 5 }, () => ({ payload: { to: 'x' } })))
    await queue.setGroup('default', { isPaused: true })
    expect(await claim()).toEqual([])
    await queue.setGroup('default', { maxInFlight: 2 })
    expect(await claim()).toHaveLength(2)
    await expect(queue.setGroup('default', { maxInFlight: -1 })).rejects.toMatchObject({ code: 'validation' })
    await expect(queue.setGroup('', {})).rejects.toMatchObject({ code: 'validation' })
  })

  describe('buried jobs', () => {
    it('are listed, page by page', async () => {
      await queue.enqueue(['a', 'b', 'c'].map((to) => ({ payload: { to } })))
      await end('bury')
      const first = await queue.buried.list({ limit: 2 })
      const [last] = first.slice(-1)
      const rest = await queue.buried.list(last ? { after: last } : {})
      expect([...first, ...rest].map(({ payload }) => payload.to).sort()).toEqual(['a', 'b', 'c'])
      expect(first[0]).toMatchObject({ reason: 'bad address', attemptCount: 1, group: 'default' })
      expect(await queue.counts()).toEqual({ pending: 0, processing: 0, halted: 0, buried: 3 })
    })

    it('are tried again from the beginning, or thrown away', async () => {
      const ids = await queue.enqueue([{ payload: { to: 'a' } }, { payload: { to: 'b' } }])
      await end('bury')
      expect(await queue.buried.requeue(ids.slice(0, 1))).toEqual(ids.slice(0, 1))
      expect(await queue.buried.requeue(ids.slice(0, 1))).toEqual([])
      expect(await queue.buried.discard(ids)).toEqual(ids.slice(1))
      expect(await claim()).toMatchObject([
        { id: ids[0], attemptCount: 0, claimCount: 1, payload: { to: 'a' } },
      ])
      expect(await queue.counts()).toMatchObject({ buried: 0 })
    })

    it('keep their place in their key when it halts', async () => {
      queue = createQueue<Mail>({ pool, name: `mails_${queues}`, haltKeys: true })
      const ids = await queue.enqueue(['1', '2'].map((to) => ({ payload: { to }, orderingKey: 'k' })))
      await end('bury')
      expect(await queue.counts()).toEqual({ pending: 1, processing: 0, halted: 1, buried: 1 })
      expect(await claim()).toEqual([])
      await queue.buried.requeue(ids.slice(0, 1))
      expect(await claim()).toMatchObject([{ id: ids[0] }])
    })
  })
})
