import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EndpointInput, Posthorn } from '../src/index.ts'
import {
  createWorld,
  gate,
  PATIENCE,
  publishMany,
  untilQueueEmpty,
  untilStatus,
  type World,
} from './support.ts'

describe('limits of an endpoint', () => {
  let world: World
  let posthorn: Posthorn
  let workers: Posthorn[]
  beforeAll(async () => {
    world = await createWorld()
    workers = [world.open(), world.open()]
    posthorn = world.open()
    await Promise.all(workers.map((worker) => worker.start()))
  })
  afterAll(() => world.close())

  const endpointFor = async (
    script: Parameters<World['endpoint']>[1],
    input: Partial<EndpointInput> = {},
  ) => {
    const { path, type, endpoint } = await world.endpoint(posthorn, script, input)
    return { path, endpoint, publish: (n = 1) => publishMany(posthorn, type, n) }
  }

  it('never have more requests under way than maxConcurrency, over two workers', async () => {
    let now = 0
    let peak = 0
    const { publish } = await endpointFor(
      async () => {
        now += 1
        peak = Math.max(peak, now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        now -= 1
        return {}
      },
      { maxConcurrency: 3 },
    )
    await publish(120)
    await untilQueueEmpty(world.db)
    expect(peak).toBeLessThanOrEqual(3)
    expect(peak).toBeGreaterThan(1)
  })

  it('spend the rate limit and not a request more, and burn no attempt by it', async () => {
    const { path, endpoint, publish } = await endpointFor(
      {},
      { rateLimit: { limit: 5, periodMs: 86_400_000 } },
    )
    const ids = await publish(12)
    await world.receiver.waitFor(5, { path })
    // A neighbour's delivery that comes later goes through both workers' next claims.
    const neighbour = await endpointFor({})
    for (let round = 0; round < 5; round += 1)
      await Promise.all((await neighbour.publish(2)).map((id) => untilStatus(posthorn, id, 'delivered')))
    expect(world.receiver.received(path)).toHaveLength(5)
    const page = await posthorn.deliveries.list({ endpointId: endpoint.id, limit: 50 })
    expect(page.data.map((delivery) => delivery.status).sort()).toEqual([
      ...Array(5).fill('delivered'),
      ...Array(7).fill('pending'),
    ])
    expect(page.data.every((delivery) => delivery.status !== 'pending' || delivery.attemptCount === 0)).toBe(
      true,
    )
    // More tokens, more requests.
    await posthorn.endpoints.update(endpoint.id, { rateLimit: null })
    await Promise.all(ids.map((id) => untilStatus(posthorn, id, 'delivered')))
  })

  it('hold everything while it is paused, and let it go when it is resumed', async () => {
    const { path, endpoint, publish } = await endpointFor({})
    expect(await posthorn.endpoints.pause(endpoint.id)).toMatchObject({ pausedAt: expect.any(String) })
    const ids = await publish(5)
    const neighbour = await endpointFor({})
    for (const id of await neighbour.publish(3)) await untilStatus(posthorn, id, 'delivered')
    expect(world.receiver.received(path)).toEqual([])
    expect(await posthorn.endpoints.resume(endpoint.id)).toMatchObject({ pausedAt: null })
    await Promise.all(ids.map((id) => untilStatus(posthorn, id, 'delivered')))
  })

  it('send no new request once it is disabled, and owe it nothing new', async () => {
    const { path, endpoint, publish } = await endpointFor({})
    await posthorn.endpoints.pause(endpoint.id)
    await publish(2)
    await posthorn.endpoints.update(endpoint.id, { enabled: false })
    await posthorn.endpoints.resume(endpoint.id)
    expect(await publish(2)).toEqual([])
    for (const id of await (await endpointFor({})).publish(3)) await untilStatus(posthorn, id, 'delivered')
    expect(world.receiver.received(path)).toEqual([])
    await posthorn.endpoints.update(endpoint.id, { enabled: true })
    await world.receiver.waitFor(2, { path })
  })

  it('send nothing more once it is deleted; the one under way ends as it ends', async () => {
    const go = gate()
    const { path, endpoint, publish } = await endpointFor(
      async () => {
        await go.opened
        return {}
      },
      { maxConcurrency: 1 },
    )
    const ids = await publish(3)
    await world.receiver.waitFor(1, { path })
    await posthorn.endpoints.remove(endpoint.id)
    await expect(posthorn.endpoints.get(endpoint.id)).rejects.toMatchObject({ code: 'not_found' })
    go.open()
    const first = world.receiver.received(path)[0]?.id
    await untilStatus(posthorn, first, 'delivered')
    for (const id of await (await endpointFor({})).publish(3)) await untilStatus(posthorn, id, 'delivered')
    expect(world.receiver.received(path)).toHaveLength(1)
    expect(ids).toContain(first)
    await world.db.pool.query('delete from posthorn.delivery_queue')
  })

  it('make a new endpoint for a URL whose endpoint was removed', async () => {
    const url = world.receiver.url('/again')
    const first = await posthorn.enqueue({ url, payload: 1 })
    const { endpointId } = await untilStatus(posthorn, first.deliveryIds[0], 'delivered')
    await posthorn.endpoints.remove(endpointId)
    const second = await posthorn.enqueue({ url, payload: 2 })
    expect((await untilStatus(posthorn, second.deliveryIds[0], 'delivered')).endpointId).not.toBe(endpointId)
  })

  it('cancel what is under way as its outcome decides', async () => {
    const go = gate()
    const { path, publish } = await endpointFor(
      async ({ count }) => {
        await go.opened
        return { status: count === 1 ? 503 : 200 }
      },
      { maxConcurrency: 1, retry: [10, 10] },
    )
    const [id = ''] = await publish(1)
    await world.receiver.waitFor(1, { path })
    expect(await posthorn.deliveries.cancel(id)).toMatchObject({
      status: 'requested',
      delivery: { status: 'processing', cancelRequested: true },
    })
    await expect(posthorn.deliveries.retry(id)).rejects.toMatchObject({ code: 'conflict' })
    go.open()
    expect(await untilStatus(posthorn, id, 'cancelled')).toMatchObject({ attemptCount: 1, deadLetter: null })
    expect(world.receiver.received(path)).toHaveLength(1)
  })

  it('do not send again what was called off while a lost worker had it', async () => {
    const { path, endpoint, publish } = await endpointFor({})
    await posthorn.endpoints.pause(endpoint.id)
    const [id = ''] = await publish(1)
    // As a worker leaves it that was killed while somebody called the delivery off.
    await world.db.pool.query(
      `update posthorn.delivery_queue set status = 'processing', claim_count = 1, cancel_requested = true,
              lease_token = gen_random_uuid(), lease_expires_at = now() - interval '1 second' where id = $1`,
      [id.slice(4)],
    )
    await posthorn.endpoints.resume(endpoint.id)
    expect(await untilStatus(posthorn, id, 'cancelled')).toMatchObject({ attemptCount: 0, attempts: [] })
    expect(world.receiver.received(path)).toEqual([])
  })

  it('bury a delivery that was lost ten times in a row, without trying it once more', async () => {
    const { path, endpoint, publish } = await endpointFor({})
    await posthorn.endpoints.pause(endpoint.id)
    const [id = ''] = await publish(1)
    await world.db.pool.query('update posthorn.delivery_queue set claim_count = 10 where id = $1', [
      id.slice(4),
    ])
    await posthorn.endpoints.resume(endpoint.id)
    expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({ deadLetter: { reason: 'poisoned' } })
    expect(world.receiver.received(path)).toEqual([])
    await posthorn.deliveries.retry(id)
    await expect.poll(() => world.receiver.received(path).length, PATIENCE).toBe(1)
  })
})
