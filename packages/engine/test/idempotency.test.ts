import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn, PublishInput } from '../src/index.ts'
import { count, createWorld, type World } from './support.ts'

const order = { type: 'order.created', payload: { a: 1 } }

describe('idempotency', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    for (const path of ['/one', '/two'])
      await posthorn.endpoints.create({ url: world.receiver.url(path), eventTypes: ['order.*'] })
  })
  afterAll(() => world.close())

  it('makes one event of 64 equal requests at the same time, over two processes', async () => {
    const other = world.open()
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, at) =>
        (at % 2 === 0 ? posthorn : other).publish({ ...order, requestId: 'same' }),
      ),
    )
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    const [first] = answers
    for (const answer of answers)
      expect({ ...answer, deliveryIds: answer.deliveryIds.toSorted() }).toEqual({
        ...first,
        deliveryIds: first?.deliveryIds.toSorted(),
        duplicate: answer.duplicate,
      })
    expect(first?.deliveryIds).toHaveLength(2)
    expect(await count(world.db.pool, `events where request_id = 'same'`)).toBe(1)
    expect(await count(world.db.pool, 'deliveries')).toBe(2)
  })

  it('makes one delivery of equal enqueues at the same time, to a URL never seen before', async () => {
    const input = { url: world.receiver.url('/never-seen'), payload: 1, idempotencyKey: 'enqueued' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => posthorn.enqueue(input)))
    expect(new Set(answers.map(({ deliveryIds }) => deliveryIds.join())).size).toBe(1)
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
  })

  const changes: [what: string, change: Partial<PublishInput>][] = [
    ['type', { type: 'order.changed' }],
    ['payload', { payload: { a: 2 } }],
    ['session', { sessionId: 's' }],
    ['schedule', { scheduledAt: '2026-12-24T18:00:00Z' }],
    ['ordering key', { orderingKey: 'o' }],
  ]
  it.each(changes)('refuses another %s under the same id', async (what, change) => {
    const requestId = `changed-${what.replace(' ', '-')}`
    const first = await posthorn.publish({ ...order, requestId })
    await expect(posthorn.publish({ ...order, ...change, requestId })).rejects.toMatchObject({
      code: 'idempotency_mismatch',
      isRetryable: false,
    })
    expect(await posthorn.publish({ ...order, requestId })).toEqual({ ...first, duplicate: true })
  })

  it('takes what does not change the event for the same request', async () => {
    const first = await posthorn.publish({ ...order, requestId: 'beside' })
    expect(
      await posthorn.publish({ ...order, requestId: 'beside', metadata: { a: 1 }, maxAttempts: 3 }),
    ).toEqual({ ...first, duplicate: true })
  })

  it('refuses another URL under the same key', async () => {
    await posthorn.enqueue({ url: world.receiver.url('/a'), payload: 1, idempotencyKey: 'url' })
    await expect(
      posthorn.enqueue({ url: world.receiver.url('/b'), payload: 1, idempotencyKey: 'url' }),
    ).rejects.toMatchObject({ code: 'idempotency_mismatch' })
  })

  it('takes no key for an invalid request, and names every mistake', async () => {
    const wrong = {
      type: 'no spaces allowed',
      payload: undefined,
      requestId: 'invalid',
      maxAttempts: 0,
      colour: 'red',
    }
    await expect(posthorn.publish(wrong as PublishInput)).rejects.toMatchObject({
      code: 'validation',
      issues: expect.arrayContaining([
        expect.objectContaining({ path: 'type' }),
        expect.objectContaining({ path: 'maxAttempts' }),
        expect.objectContaining({ path: 'colour', message: 'is not a known field' }),
      ]),
    })
    await expect(
      posthorn.publish({ ...order, payload: () => 1, requestId: 'invalid' }),
    ).rejects.toMatchObject({ code: 'validation', issues: [{ path: 'payload' }] })
    expect(await posthorn.publish({ ...order, requestId: 'invalid' })).toMatchObject({
      duplicate: false,
      requestId: 'invalid',
    })
  })

  it('keeps apps apart', async () => {
    const app = posthorn.forApp('00000000-0000-7000-8000-000000000002')
    const [mine, theirs] = [
      await posthorn.publish({ ...order, requestId: 'apps' }),
      await app.publish({ ...order, requestId: 'apps' }),
    ]
    expect([mine.duplicate, theirs.duplicate]).toEqual([false, false])
    expect(theirs.deliveryIds).toEqual([])
    await expect(app.events.get(mine.eventId)).rejects.toMatchObject({ code: 'not_found' })
    await expect(app.deliveries.get(mine.deliveryIds[0] ?? '')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('gives each of many its own answer, also where ids repeat among them', async () => {
    const results = await posthorn.publishMany([
      { ...order, requestId: 'm1' },
      { ...order, type: '' },
      { ...order, requestId: 'm1' },
      { ...order, requestId: 'm1', payload: 'other' },
      order,
    ])
    expect(results.map((result) => (result.ok ? result.value.duplicate : result.error.code))).toEqual([
      false,
      'validation',
      true,
      'idempotency_mismatch',
      false,
    ])
  })

  it('numbers many of one ordering key in the order given, also when their first commit has to be made again', async () => {
    await posthorn.endpoints.create({ url: world.receiver.url('/sorted'), eventTypes: ['order.sorted'] })
    const client = await world.db.pool.connect()
    await client.query('begin')
    await posthorn.publish({ ...order, requestId: 'held' }, { tx: client })
    // In one group with the first of them: that group waits for the key, and leaves without it.
    const held = posthorn.publish({ ...order, requestId: 'held' })
    const inputs = Array.from({ length: 450 }, (_, at) => ({
      type: 'order.sorted',
      payload: at,
      orderingKey: 'batch',
    }))
    const results = await posthorn.publishMany(inputs)
    expect(results.every((result) => result.ok)).toBe(true)
    await client.query('commit')
    client.release()
    expect(await held).toMatchObject({ duplicate: true })
    const { rows } = await world.db.pool.query<{ payload: string }>(
      `select e.payload from posthorn.delivery_queue q join posthorn.deliveries d using (id) join posthorn.events e on e.id = d.event_id
        where e.event_type = 'order.sorted' and q.endpoint_id = (select id from posthorn.endpoints where url like '%/sorted') order by q.seq`,
    )
    expect(rows.map((row) => Number(row.payload))).toEqual(inputs.map((input) => input.payload))
  })
})
