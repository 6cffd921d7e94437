import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { count, createWorld, PATIENCE, type World, withTransaction } from './support.ts'

describe('in the caller’s transaction', () => {
  let world: World
  let posthorn: Posthorn
  let pool: pg.Pool
  let url: (path: string) => string
  beforeAll(async () => {
    world = await createWorld()
    pool = world.db.pool
    posthorn = world.open({ pool })
    url = (path) => world.receiver.url(path)
    await posthorn.endpoints.create({ url: url('/subscribed'), eventTypes: ['order.*'] })
  })
  afterAll(() => world.close())

  const footprint = async () => [
    await count(pool, 'events'),
    await count(pool, 'deliveries'),
    await count(pool, 'delivery_queue'),
    await count(pool, 'idempotency_keys'),
  ]
  const order = { type: 'order.created', payload: { a: 1 } }

  it('leaves nothing when it is rolled back, and the same key is free again', async () => {
    const before = await footprint()
    await withTransaction(pool, async (tx) => {
      await posthorn.publish({ ...order, requestId: 'rolled-back' }, { tx })
      await posthorn.enqueue({ url: url('/a'), payload: 1, idempotencyKey: 'rolled-back-2' }, { tx })
    })
    expect(await footprint()).toEqual(before)
    expect(await posthorn.publish({ ...order, requestId: 'rolled-back', payload: 'another' })).toMatchObject({
      duplicate: false,
    })
  })

  it('is seen by nobody before its commit, and by everybody after it', async () => {
    const client = await pool.connect()
    await client.query('begin')
    const accepted = await posthorn.publish(order, { tx: client })
    await expect(posthorn.events.get(accepted.eventId)).rejects.toMatchObject({ code: 'not_found' })
    await client.query('commit')
    client.release()
    expect((await posthorn.events.get(accepted.eventId)).deliveries.map((delivery) => delivery.id)).toEqual(
      accepted.deliveryIds,
    )
  })

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'takes a URL never seen before at %s',
    async (isolation) => {
      const client = await pool.connect()
      await client.query(`begin isolation level ${isolation}`)
      await client.query('select count(*) from posthorn.endpoints')
      const { deliveryIds } = await posthorn.enqueue(
        { url: url(`/new/${isolation.replace(' ', '-')}`), payload: {} },
        { tx: client },
      )
      await client.query('commit')
      client.release()
      expect(await posthorn.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({ status: 'pending' })
    },
  )

  it('works when callers hold every connection of their pool', async () => {
    const small = new pg.Pool({ connectionString: world.db.url, max: 2 })
    const engine = world.open({ pool: small })
    const clients = await Promise.all([small.connect(), small.connect()])
    await Promise.all(clients.map((client) => client.query('begin')))
    const accepted = await Promise.all([
      ...clients.map((tx, at) => engine.enqueue({ url: url(`/full/${at}`), payload: at }, { tx })),
      // Those who have no transaction are not stopped either.
      engine.enqueue({ url: url('/full/none'), payload: 2 }),
      engine.publish(order),
    ])
    for (const client of clients) {
      await client.query('commit')
      client.release()
    }
    expect(accepted.map(({ deliveryIds }) => deliveryIds.length)).toEqual([1, 1, 1, 1])
    await small.end()
  })

  it('ends a cross of two callers’ keys: one may try again, the other commits', async () => {
    const [one, two] = [await pool.connect(), await pool.connect()]
    await Promise.all([one.query('begin'), two.query('begin')])
    await posthorn.publish({ ...order, requestId: 'cross-a' }, { tx: one })
    await posthorn.publish({ ...order, requestId: 'cross-b' }, { tx: two })
    const crossed = await Promise.allSettled([
      posthorn.publish({ ...order, requestId: 'cross-b' }, { tx: one }).finally(() => one.query('commit')),
      posthorn.publish({ ...order, requestId: 'cross-a' }, { tx: two }).finally(() => two.query('commit')),
    ])
    one.release()
    two.release()
    const refused = crossed.filter((result) => result.status === 'rejected')
    expect(refused.map(({ reason }) => reason)).toEqual([
      expect.objectContaining({ code: 'conflict', isRetryable: true }),
    ])
    expect(await count(pool, `idempotency_keys where key like 'cross-%'`)).toBe(2)
  })

  it('passes a serialization failure on as one that may be tried again', async () => {
    await withTransaction(
      pool,
      async (tx) => {
        await tx.query('select count(*) from posthorn.idempotency_keys')
        await posthorn.publish({ ...order, requestId: 'serial' })
        await expect(posthorn.publish({ ...order, requestId: 'serial' }, { tx })).rejects.toMatchObject({
          code: 'conflict',
          isRetryable: true,
        })
      },
      'repeatable read',
    )
  })

  it('belongs to a savepoint of the caller’s', async () => {
    const client = await pool.connect()
    await client.query('begin')
    const kept = await posthorn.publish(order, { tx: client })
    await client.query('savepoint s')
    const undone = await posthorn.publish({ ...order, requestId: 'undone' }, { tx: client })
    await client.query('rollback to savepoint s')
    const after = await posthorn.publish(order, { tx: client })
    await client.query('commit')
    client.release()
    expect(await posthorn.events.get(kept.eventId)).toMatchObject({ type: 'order.created' })
    expect(await posthorn.events.get(after.eventId)).toMatchObject({ type: 'order.created' })
    await expect(posthorn.events.get(undone.eventId)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('keeps a mismatched key from breaking it', async () => {
    await posthorn.publish({ ...order, requestId: 'used' })
    const client = await pool.connect()
    await client.query('begin')
    await expect(
      posthorn.publish({ ...order, requestId: 'used', payload: 2 }, { tx: client }),
    ).rejects.toMatchObject({ code: 'idempotency_mismatch' })
    await expect(posthorn.publish({ ...order, type: 'not a type' }, { tx: client })).rejects.toMatchObject({
      code: 'validation',
    })
    const { eventId } = await posthorn.publish(order, { tx: client })
    await client.query('commit')
    client.release()
    expect(await posthorn.events.get(eventId)).toMatchObject({ type: 'order.created' })
  })

  it('leaves no named statement on the caller’s connection', async () => {
    await withTransaction(pool, async (tx) => {
      await posthorn.publish(order, { tx })
      const { rows } = await tx.query('select name from pg_prepared_statements')
      expect(rows).toEqual([])
    })
  })

  it.each([
    ['a pool', () => pool],
    ['a Drizzle database over a pool', () => ({ session: { client: pool } })],
    ['something else', () => ({})],
    ['text', () => 'begin'],
  ])('refuses %s before anything is written', async (_name, tx) => {
    const before = [...(await footprint()), await count(pool, 'endpoints')]
    await expect(posthorn.publish(order, { tx: tx() })).rejects.toMatchObject({
      code: 'validation',
      issues: [{ path: 'tx' }],
    })
    await expect(posthorn.enqueue({ url: url('/refused'), payload: 1 }, { tx: tx() })).rejects.toMatchObject({
      code: 'validation',
      issues: [{ path: 'tx' }],
    })
    expect([...(await footprint()), await count(pool, 'endpoints')]).toEqual(before)
  })

  it('writes in a Drizzle transaction, and not when that rolls back', async () => {
    const db = drizzle(pool)
    const before = await footprint()
    const failed = db.transaction(async (tx) => {
      await posthorn.publish(order, { tx })
      throw new Error('called off')
    })
    await expect(failed).rejects.toThrow('called off')
    expect(await footprint()).toEqual(before)
    const accepted = await db.transaction((tx) =>
      tx.transaction((inner) => posthorn.publish(order, { tx: inner })),
    )
    expect((await posthorn.events.get(accepted.eventId)).id).toBe(accepted.eventId)
  })

  it('wakes workers at its commit when asked to, and not otherwise', async () => {
    const listener = await pool.connect()
    let heard = 0
    listener.on('notification', () => {
      heard += 1
    })
    await listener.query('listen posthorn_due')
    const client = await pool.connect()
    const inTransaction = async (write: object) => {
      await client.query('begin')
      await posthorn.publish(order, { tx: client, ...write })
      await client.query('commit')
      await listener.query('select 1')
    }
    await inTransaction({})
    expect(heard).toBe(0)
    await inTransaction({ notify: 'in-tx' })
    await expect.poll(() => heard, PATIENCE).toBe(1)
    await posthorn.wake()
    await expect.poll(() => heard, PATIENCE).toBe(2)
    await listener.query('unlisten *')
    client.release()
    listener.release()
  })
})
