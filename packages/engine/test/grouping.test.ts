import { waitForDelivered } from '@posthorn/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accepted, type Posthorn, rawJson } from '../src/index.ts'
import { count, createWorld, PATIENCE, type World } from './support.ts'

const order = { type: 'order.created', payload: { a: 1 } }
const poison = [0, 0xd800].map((code) => rawJson(`"${String.fromCharCode(code)} raw"`, { isChecked: true }))

describe('events that are written together', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await posthorn.endpoints.create({
      url: world.receiver.url('/'),
      eventTypes: ['order.*'],
      retry: [50, 50, 50, 50],
    })
  })
  afterAll(() => world.close())

  it('leave in few commits, each answered with its own', async () => {
    const before = await count(world.db.pool, 'events')
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, at) => posthorn.publish({ ...order, requestId: `g${at}` })),
    )
    expect(answers.map(({ requestId }) => requestId)).toEqual(answers.map((_, at) => `g${at}`))
    expect(new Set(answers.map(({ eventId }) => eventId)).size).toBe(500)
    expect(await count(world.db.pool, 'events')).toBe(before + 500)
    const { rows } = await world.db.pool.query(
      `select count(distinct xmin::text)::int as n from posthorn.events where request_id like 'g%'`,
    )
    expect(rows[0].n).toBeLessThan(20)
  })

  it('do not share the fate of one that the database refuses', async () => {
    const inputs = Array.from({ length: 60 }, (_, at) => {
      const payload = at === 17 ? poison[0] : at === 41 ? poison[1] : at
      return { ...order, payload, ...(at % 2 === 1 && { requestId: `p${at}` }) }
    })
    const results = await Promise.allSettled(inputs.map((input) => posthorn.publish(input)))
    const refused = results.flatMap((result, at) =>
      result.status === 'rejected' ? [[at, result.reason.code]] : [],
    )
    expect(refused).toEqual([
      [17, 'validation'],
      [41, 'validation'],
    ])
    // A key that a refused event asked for is free.
    expect(await posthorn.publish({ ...order, requestId: 'p17' })).toMatchObject({ duplicate: false })
    const many = await posthorn.publishMany(inputs.map(({ payload }) => ({ ...order, payload })))
    expect(many.flatMap((result, at) => (result.ok ? [] : [[at, result.error.code]]))).toEqual(refused)
  })

  it('are refused one by one where the caller’s transaction takes them', async () => {
    const client = await world.db.pool.connect()
    await client.query('begin')
    await expect(posthorn.publish({ ...order, payload: poison[0] }, { tx: client })).rejects.toMatchObject({
      code: 'validation',
    })
    await client.query('rollback')
    client.release()
  })

  it('wait a bounded time for somebody who locks the table itself, and others’ after that go through', async () => {
    const client = await world.db.pool.connect()
    await client.query('begin')
    await client.query('lock table posthorn.events in access exclusive mode')
    const stuck = Promise.allSettled([
      posthorn.publish(order),
      posthorn.publish({ ...order, requestId: 'locked-out' }),
    ])
    const codes = (await stuck).map((result) =>
      result.status === 'rejected' ? [result.reason.code, result.reason.isRetryable] : 'accepted',
    )
    expect(codes).toEqual([
      ['unavailable', true],
      ['conflict', true],
    ])
    await client.query('rollback')
    client.release()
    expect(await posthorn.publish({ ...order, requestId: 'locked-out' })).toMatchObject({ duplicate: false })
  })
})

describe('a database that ends every connection', () => {
  it('gets 503s, loses nothing that was accepted, and needs no restart', async () => {
    await using world = await createWorld()
    // Leases short enough for those that were claimed when the connection went.
    const posthorn = world.open({ timeoutMs: 1_000 })
    await posthorn.endpoints.create({
      url: world.receiver.url('/'),
      eventTypes: ['order.*'],
      retry: [20, 20, 20, 20, 20, 20],
    })
    await posthorn.start()
    const accepted: Accepted[] = []
    const refused: unknown[] = []
    const publish = (n: number) =>
      posthorn.publish({ ...order, requestId: `r${n}` }).then(
        (answer) => accepted.push(answer),
        (error) => refused.push(error),
      )
    const kill = () =>
      world.db.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
    for (let round = 0; round < 12; round += 1) {
      const published = Array.from({ length: 25 }, (_, at) => publish(round * 25 + at))
      await new Promise((resolve) => setImmediate(resolve))
      await kill()
      await Promise.all(published)
    }
    for (const error of refused) expect(error).toMatchObject({ code: 'unavailable', isRetryable: true })
    expect(accepted.length + refused.length).toBe(300)
    expect(accepted.length).toBeGreaterThan(0)
    await expect
      .poll(
        () =>
          posthorn.publish(order).then(
            () => true,
            () => false,
          ),
        PATIENCE,
      )
      .toBe(true)
    for (const { eventId } of accepted) expect((await posthorn.events.get(eventId)).id).toBe(eventId)
    await waitForDelivered(
      world.receiver,
      accepted.flatMap(({ deliveryIds }) => deliveryIds),
      { timeoutMs: 40_000 },
    )
  })
})
