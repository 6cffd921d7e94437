import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EndpointInput, Posthorn, PosthornEvents } from '../src/index.ts'
import { createWorld, PATIENCE, publishMany, untilStatus, type World } from './support.ts'

const HOUR_MS = 3_600_000

describe('circuits', () => {
  let world: World
  let posthorn: Posthorn
  const changes: PosthornEvents['circuit'][] = []
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    posthorn.on('circuit', (event) => void changes.push(event))
    await posthorn.start()
  })
  afterAll(() => world.close())

  const endpointFor = async (
    script: Parameters<World['endpoint']>[1],
    input: Partial<EndpointInput> = {},
  ) => {
    const { path, type, endpoint } = await world.endpoint(posthorn, script, {
      retry: Array(20).fill(5),
      maxConcurrency: 1,
      ...input,
      circuit: { openForMs: HOUR_MS, ...input.circuit },
    })
    return { path, endpoint, publish: (n = 1) => publishMany(posthorn, type, n) }
  }
  const moves = (endpoint: { id: string }) =>
    changes.filter((change) => change.endpointId === endpoint.id).map(({ from, to }) => `${from} > ${to}`)
  const untilMoved = (endpoint: { id: string }, last: string) =>
    expect.poll(() => moves(endpoint).at(-1), PATIENCE).toBe(last)
  /** As if its time were over. */
  const letProbe = (endpoint: { id: string }) =>
    world.db.pool.query(
      `update posthorn.circuit_breakers set next_probe_at = now(), state = jsonb_set(state, '{nextProbeAt}', '0') where endpoint_id = $1`,
      [endpoint.id.slice(3)],
    )
  /** Deliveries of a neighbour that came later went out: the worker had looked for everything that was due. */
  const lookedAround = async () => {
    for (let round = 0; round < 3; round += 1) {
      const [id] = await (await endpointFor({})).publish()
      await untilStatus(posthorn, id, 'delivered')
    }
  }

  it('open after five failures in a row, and nothing is sent or burnt while they are open', async () => {
    const { path, endpoint, publish } = await endpointFor({ status: 503 })
    const ids = await publish(3)
    await untilMoved(endpoint, 'closed > open')
    expect(await posthorn.endpoints.circuit(endpoint.id)).toMatchObject({
      state: 'open',
      epoch: 1,
      openedAt: expect.any(String),
      nextProbeAt: expect.any(String),
    })
    await lookedAround()
    const sent = world.receiver.received(path).length
    // The fifth opens it; a sixth may have been on its way by then.
    expect(sent).toBeGreaterThanOrEqual(5)
    expect(sent).toBeLessThanOrEqual(6)
    await lookedAround()
    expect(world.receiver.received(path)).toHaveLength(sent)
    const deliveries = await Promise.all(ids.map((id) => posthorn.deliveries.get(id)))
    expect(deliveries.reduce((sum, delivery) => sum + delivery.attemptCount, 0)).toBe(sent)
    expect(deliveries.every((delivery) => delivery.status === 'pending')).toBe(true)
  })

  it('let one probe through, close after three, and deliver what had waited', async () => {
    let isBroken = true
    let now = 0
    let peak = 0
    const { path, endpoint, publish } = await endpointFor(
      async () => {
        now += 1
        peak = Math.max(peak, now)
        await new Promise((resolve) => setImmediate(resolve))
        now -= 1
        return { status: isBroken ? 500 : 200 }
      },
      { maxConcurrency: 8 },
    )
    const ids = await publish(8)
    await untilMoved(endpoint, 'closed > open')
    await lookedAround()
    const before = world.receiver.received(path).length
    peak = 0
    isBroken = false
    await letProbe(endpoint)
    await untilMoved(endpoint, 'half_open > closed')
    expect(peak).toBe(1)
    expect(world.receiver.received(path).length - before).toBeGreaterThanOrEqual(3)
    expect(moves(endpoint)).toEqual(['closed > open', 'half_open > closed'])
    expect(await posthorn.endpoints.circuit(endpoint.id)).toMatchObject({
      state: 'closed',
      epoch: 3,
      consecutiveFailures: 0,
    })
    for (const id of ids) await untilStatus(posthorn, id, 'delivered')
  })

  it('open again when the probe fails, for a whole period', async () => {
    const { path, endpoint, publish } = await endpointFor({ status: 500 })
    await publish(2)
    await untilMoved(endpoint, 'closed > open')
    await lookedAround()
    const before = world.receiver.received(path).length
    await letProbe(endpoint)
    await untilMoved(endpoint, 'half_open > open')
    await lookedAround()
    expect(world.receiver.received(path)).toHaveLength(before + 1)
    expect(Date.parse((await posthorn.endpoints.circuit(endpoint.id)).nextProbeAt ?? '')).toBeGreaterThan(
      Date.now() + HOUR_MS / 2,
    )
  })

  it('give the place of a probe that was never sent to the next delivery at once', async () => {
    let isBroken = true
    // Its lease would be longer than any test waits.
    const { endpoint, publish } = await endpointFor(() => ({ status: isBroken ? 500 : 200 }), {
      timeoutMs: 300_000,
    })
    const ids = await publish(5)
    await untilMoved(endpoint, 'closed > open')
    await lookedAround()
    isBroken = false
    const expired = ids.slice(0, 2).map((id) => id.slice(4))
    await world.db.pool.query('update posthorn.deliveries set expires_at = now() where id = any($1)', [
      expired,
    ])
    await letProbe(endpoint)
    await untilMoved(endpoint, 'half_open > closed')
    for (const id of ids.slice(2)) await untilStatus(posthorn, id, 'delivered')
    for (const id of ids.slice(0, 2))
      expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({ deadLetter: { reason: 'expired' } })
  })

  it('stay closed for refusals, which show a living receiver', async () => {
    const { endpoint, publish } = await endpointFor({ status: 404 })
    for (const id of await publish(8)) await untilStatus(posthorn, id, 'dead')
    expect(await posthorn.endpoints.circuit(endpoint.id)).toMatchObject({ state: 'closed', epoch: 0 })
  })

  it('forget their failures with a success', async () => {
    const { endpoint, publish } = await endpointFor(({ count }) => ({ status: count % 5 === 0 ? 200 : 500 }))
    for (const id of await publish(4)) await untilStatus(posthorn, id, 'delivered')
    expect(moves(endpoint)).toEqual([])
  })

  it('close at once when they are reset by hand', async () => {
    let isBroken = true
    const { endpoint, publish } = await endpointFor(() => ({ status: isBroken ? 500 : 200 }))
    const ids = await publish(2)
    await untilMoved(endpoint, 'closed > open')
    isBroken = false
    expect(await posthorn.endpoints.resetCircuit(endpoint.id)).toMatchObject({ state: 'closed' })
    for (const id of ids) await untilStatus(posthorn, id, 'delivered')
  })
})

describe('without circuit breakers', () => {
  it('no failure opens a circuit, and one that is open closes again', async () => {
    await using world = await createWorld()
    const posthorn = world.open({ circuitBreaker: false })
    const changes: string[] = []
    posthorn.on('circuit', ({ from, to }) => void changes.push(`${from} > ${to}`))
    let isBroken = true
    world.receiver.fallback(() => ({ status: isBroken ? 500 : 200 }))
    const endpoint = await posthorn.endpoints.create({
      url: world.receiver.url('/'),
      eventTypes: ['*'],
      retry: [1, 1, 1, 1, 1, 1, 1, 1],
    })
    const { deliveryIds } = await posthorn.publish({ type: 'a', payload: 1 })
    await posthorn.start()
    await untilStatus(posthorn, deliveryIds[0], 'failed')
    expect(await posthorn.endpoints.circuit(endpoint.id)).toMatchObject({ state: 'closed', epoch: 0 })
    isBroken = false
    await world.db.pool.query(
      `insert into posthorn.circuit_breakers (endpoint_id, name, epoch, state, opened_at, next_probe_at)
       values ($1, 'open', 1, '{"name":"open","epoch":1,"openedAt":0,"nextProbeAt":0}', now(), now())`,
      [endpoint.id.slice(3)],
    )
    const later = await Promise.all(
      Array.from({ length: 5 }, () => posthorn.publish({ type: 'a', payload: 2 })),
    )
    for (const { deliveryIds: ids } of later) await untilStatus(posthorn, ids[0], 'delivered')
    expect(changes).toEqual(['half_open > closed'])
  })
})
