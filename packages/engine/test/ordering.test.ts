import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EndpointInput, Posthorn } from '../src/index.ts'
import { count, createWorld, gate, PATIENCE, untilQueueEmpty, untilStatus, type World } from './support.ts'

describe('ordering keys', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await Promise.all([posthorn.start(), world.open().start()])
  })
  afterAll(() => world.close())

  const endpointFor = async (
    script: Parameters<World['endpoint']>[1],
    input: Partial<EndpointInput> = {},
  ) => {
    const { path, type, endpoint } = await world.endpoint(posthorn, script, {
      retry: [15, 15, 15],
      circuit: { failureThreshold: 1_000 },
      ...input,
    })
    const publish = async (payload: unknown, orderingKey: string) =>
      (await posthorn.publish({ type, payload, orderingKey })).deliveryIds[0] ?? ''
    const arrived = () =>
      world.receiver
        .received(path)
        .map((request) => JSON.parse(request.body.toString()) as { key: string; n: number })
    return { path, endpoint, publish, arrived }
  }

  it('keep each key in order over two workers, through failures, one at a time', async () => {
    const busy = new Map<string, number>()
    let overlaps = 0
    const { publish, arrived } = await endpointFor(async ({ body, seen }) => {
      const { key, n } = JSON.parse(body.toString()) as { key: string; n: number }
      busy.set(key, (busy.get(key) ?? 0) + 1)
      if ((busy.get(key) ?? 0) > 1) overlaps += 1
      await new Promise((resolve) => setImmediate(resolve))
      busy.set(key, (busy.get(key) ?? 0) - 1)
      return { status: n % 3 === 0 && seen < 3 ? 503 : 200 }
    })
    const keys = ['a', 'b', 'c', 'd']
    for (let n = 0; n < 12; n += 1) await Promise.all(keys.map((key) => publish({ key, n }, key)))
    await untilQueueEmpty(world.db)
    expect(overlaps).toBe(0)
    for (const key of keys) {
      const inOrder = arrived()
        .filter((event) => event.key === key)
        .map((event) => event.n)
      expect(inOrder).toEqual(Array.from({ length: 12 }, (_, n) => (n % 3 === 0 ? [n, n, n] : [n])).flat())
    }
  })

  it('let other keys and deliveries without one go on while a head waits', async () => {
    const { publish, arrived } = await endpointFor(({ body }) =>
      body.includes('"stuck"') ? { status: 503, headers: { 'retry-after': '600' } } : {},
    )
    const stuck = await publish({ key: 'stuck', n: 0 }, 'stuck')
    await expect.poll(async () => (await posthorn.deliveries.get(stuck)).attemptCount, PATIENCE).toBe(1)
    const behind = await publish({ key: 'stuck', n: 1 }, 'stuck')
    const others = await Promise.all([0, 1, 2].map((n) => publish({ key: 'free', n }, 'free')))
    for (const id of others) await untilStatus(posthorn, id, 'delivered')
    expect(await posthorn.deliveries.get(behind)).toMatchObject({ status: 'pending', attemptCount: 0 })
    expect(arrived().filter((event) => event.key === 'stuck')).toHaveLength(1)
    await posthorn.deliveries.cancel(stuck)
    await expect
      .poll(
        () =>
          arrived()
            .filter((event) => event.key === 'stuck')
            .map((event) => event.n),
        PATIENCE,
      )
      .toEqual([0, 1])
    await posthorn.deliveries.cancel(behind).catch(() => undefined)
  })

  it('go on after a head that failed or was refused for good', async () => {
    const { publish, arrived } = await endpointFor(
      ({ body }) => ({ status: body.includes('"n":0') ? 500 : body.includes('"n":1') ? 400 : 200 }),
      { retry: [10] },
    )
    const ids = []
    for (const n of [0, 1, 2]) ids.push(await publish({ key: 'k', n }, 'k'))
    await untilStatus(posthorn, ids[2], 'delivered')
    expect(arrived().map((event) => event.n)).toEqual([0, 0, 1, 2])
    expect(
      (await Promise.all(ids.map((id) => posthorn.deliveries.get(id)))).map((delivery) => delivery.status),
    ).toEqual(['failed', 'dead', 'delivered'])
  })

  it('halt behind a head that failed, where the endpoint wants that, until it is retried', async () => {
    let broken = true
    const { publish, arrived } = await endpointFor(() => ({ status: broken ? 404 : 200 }), {
      orderingOnFailure: 'halt',
    })
    const head = await publish({ key: 'k', n: 0 }, 'k')
    await untilStatus(posthorn, head, 'dead')
    const behind = await publish({ key: 'k', n: 1 }, 'k')
    const other = await publish({ key: 'other', n: 0 }, 'other')
    await untilStatus(posthorn, other, 'dead')
    expect(await posthorn.deliveries.get(behind)).toMatchObject({ status: 'pending', attemptCount: 0 })
    broken = false
    await posthorn.deliveries.retry(head)
    await untilStatus(posthorn, behind, 'delivered')
    expect(
      arrived()
        .filter((event) => event.key === 'k')
        .map((event) => event.n),
    ).toEqual([0, 0, 1])
    // The other key is still halted; giving its head up releases it.
    const last = await publish({ key: 'other', n: 1 }, 'other')
    expect(await posthorn.deliveries.cancel(other)).toMatchObject({ status: 'cancelled' })
    await untilStatus(posthorn, last, 'delivered')
    expect(await count(world.db.pool, `delivery_queue where status = 'halted'`)).toBe(0)
  })

  it('go on where they were halted when the endpoint is told to continue', async () => {
    const { endpoint, publish } = await endpointFor(
      ({ body }) => ({ status: body.includes('"n":0') ? 404 : 200 }),
      { orderingOnFailure: 'halt' },
    )
    const heads = [await publish({ key: 'a', n: 0 }, 'a'), await publish({ key: 'b', n: 0 }, 'b')]
    for (const head of heads) await untilStatus(posthorn, head, 'dead')
    const behind = [await publish({ key: 'a', n: 1 }, 'a'), await publish({ key: 'b', n: 1 }, 'b')]
    // Any other change lets them halt on.
    await posthorn.endpoints.update(endpoint.id, { description: 'still halting' })
    expect(await count(world.db.pool, `delivery_queue where status = 'halted'`)).toBe(2)
    await posthorn.endpoints.update(endpoint.id, { orderingOnFailure: 'continue' })
    for (const id of behind) await untilStatus(posthorn, id, 'delivered')
    expect(await posthorn.deliveries.get(heads[0] ?? '')).toMatchObject({
      status: 'dead',
      deadLetter: { reason: 'permanent', requeuedAt: null, discardedAt: null },
    })
    // Its delivery can still be tried again, like any that is dead.
    expect(await posthorn.deliveries.retry(heads[0] ?? '')).toMatchObject({ status: 'pending' })
    await untilStatus(posthorn, heads[0], 'dead')
  })

  it('keep what is behind waiting while the head is being tried', async () => {
    const go = gate()
    const { publish, arrived } = await endpointFor(async () => {
      await go.opened
      return {}
    })
    const ids = []
    for (const n of [0, 1, 2]) ids.push(await publish({ key: 'k', n }, 'k'))
    await expect.poll(() => arrived().length, PATIENCE).toBe(1)
    expect(arrived().map((event) => event.n)).toEqual([0])
    go.open()
    await untilStatus(posthorn, ids[2], 'delivered')
    expect(arrived().map((event) => event.n)).toEqual([0, 1, 2])
  })
})
