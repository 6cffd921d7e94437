import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EndpointInput, Posthorn, PosthornEvents } from '../src/index.ts'
import { createWorld, PATIENCE, untilStatus, type World } from './support.ts'

describe('retries', () => {
  let world: World
  let posthorn: Posthorn
  const announced = {
    failed: [] as PosthornEvents['failed'][],
    dead: [] as PosthornEvents['dead'][],
    delivered: [] as PosthornEvents['delivered'][],
  }
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    for (const name of ['failed', 'dead', 'delivered'] as const)
      posthorn.on(name, (event) => void announced[name].push(event as never))
    await posthorn.start()
  })
  afterAll(() => world.close())

  /** An endpoint of its own with this script, and the type that reaches it alone. */
  const endpointFor = async (
    script: Parameters<World['endpoint']>[1],
    input: Partial<EndpointInput> = {},
  ) => {
    const { path, type, endpoint } = await world.endpoint(posthorn, script, {
      retry: [20, 20],
      circuit: { failureThreshold: 1_000 },
      ...input,
    })
    const publish = async (more: object = {}) => {
      const { deliveryIds } = await posthorn.publish({ type, payload: { path }, ...more })
      return deliveryIds[0] ?? ''
    }
    return { path, endpoint, publish }
  }
  const of = (name: keyof typeof announced, id: string) =>
    announced[name].filter((event) => event.deliveryId === id)

  it('try again until it is taken, under one id, numbered, each attempt logged', async () => {
    const { path, publish } = await endpointFor([
      { status: 503, body: 'busy' },
      { reset: true },
      { status: 204 },
    ])
    const id = await publish()
    const delivery = await untilStatus(posthorn, id, 'delivered')
    expect(delivery).toMatchObject({
      attemptCount: 3,
      maxAttempts: 3,
      lastFailure: 'connection',
      deadLetter: null,
      nextAttemptAt: null,
    })
    expect(
      delivery.attempts.map(({ number, success, statusCode, failure, responseBody }) => ({
        number,
        success,
        statusCode,
        failure,
        responseBody,
      })),
    ).toEqual([
      { number: 1, success: false, statusCode: 503, failure: 'http_5xx', responseBody: 'busy' },
      { number: 2, success: false, statusCode: null, failure: 'connection', responseBody: null },
      { number: 3, success: true, statusCode: 204, failure: null, responseBody: null },
    ])
    const requests = world.receiver.received(path)
    expect(requests.map((request) => request.id)).toEqual([id, id, id])
    expect(requests.map((request) => request.headers['x-retry-attempt'])).toEqual(['1', '2', '3'])
    expect(of('failed', id)).toMatchObject([
      { attempt: 1, failure: 'http_5xx', statusCode: 503 },
      { attempt: 2, failure: 'connection' },
    ])
    for (const event of of('failed', id))
      expect((event as PosthornEvents['failed']).nextAttemptInMs).toBeGreaterThanOrEqual(20)
    expect(of('delivered', id)).toMatchObject([{ attempt: 3, statusCode: 204 }])
  })

  it('end when they are used up, in a dead letter', async () => {
    const { path, publish } = await endpointFor({ status: 500 })
    const id = await publish()
    const delivery = await untilStatus(posthorn, id, 'failed')
    expect(delivery).toMatchObject({
      attemptCount: 3,
      deadLetter: { reason: 'exhausted', attempts: 3, requeuedAt: null },
    })
    expect(world.receiver.received(path)).toHaveLength(3)
    expect(of('failed', id).at(-1)).toMatchObject({ attempt: 3, nextAttemptInMs: null })
    expect(of('dead', id)).toMatchObject([{ reason: 'exhausted', attempts: 3 }])
  })

  it('are as many as the event asks for', async () => {
    const { path, publish } = await endpointFor({ status: 500 })
    await untilStatus(posthorn, await publish({ maxAttempts: 1 }), 'failed')
    expect(world.receiver.received(path)).toHaveLength(1)
    await untilStatus(posthorn, await publish({ maxAttempts: 5 }), 'failed')
    expect(world.receiver.received(path)).toHaveLength(6)
  })

  it('do not come before the time that a receiver asks for', async () => {
    const { publish } = await endpointFor([{ status: 429, headers: { 'retry-after': '1800' } }, {}])
    const id = await publish()
    await expect.poll(async () => (await posthorn.deliveries.get(id)).attemptCount, PATIENCE).toBe(1)
    const delivery = await posthorn.deliveries.get(id)
    expect(delivery).toMatchObject({ status: 'pending', lastFailure: 'http_429' })
    const startedAt = Date.parse(delivery.attempts[0]?.startedAt ?? '')
    expect(Date.parse(delivery.nextAttemptAt ?? '') - startedAt).toBeGreaterThanOrEqual(1_800_000)
    await posthorn.deliveries.retry(id)
    expect(await untilStatus(posthorn, id, 'delivered')).toMatchObject({ attemptCount: 2 })
  })

  it.each([301, 308, 400, 401, 404, 422])(
    'are not made after %i: nobody would follow it or answer otherwise',
    async (status) => {
      const { path, publish } = await endpointFor({
        status,
        headers: { location: world.receiver.url('/elsewhere') },
      })
      const id = await publish()
      expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({
        attemptCount: 1,
        deadLetter: { reason: 'permanent' },
        lastFailure: status < 400 ? 'http_3xx' : 'http_4xx',
      })
      expect(world.receiver.received(path)).toHaveLength(1)
      expect(world.receiver.received('/elsewhere')).toEqual([])
    },
  )

  it('take the codes that an endpoint calls success', async () => {
    const { publish } = await endpointFor({ status: 422 }, { successCodes: [422] })
    expect(await untilStatus(posthorn, await publish(), 'delivered')).toMatchObject({ attemptCount: 1 })
  })

  it('end for good with 410, which also takes the endpoint out of service', async () => {
    const { endpoint, publish } = await endpointFor({ status: 410 })
    const id = await publish()
    expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({
      lastFailure: 'http_410',
      deadLetter: { reason: 'permanent' },
    })
    await expect
      .poll(() => posthorn.endpoints.get(endpoint.id), PATIENCE)
      .toMatchObject({ enabled: false, disabledReason: expect.stringContaining('410') })
    expect(await publish()).toBe('')
  })

  it('begin again by hand, after the last and after a refusal, with the policy’s tries on top', async () => {
    const { path, publish } = await endpointFor([
      { status: 500 },
      { status: 500 },
      { status: 500 },
      { status: 404 },
      { status: 500 },
      {},
    ])
    const id = await publish()
    await untilStatus(posthorn, id, 'failed')
    expect(await posthorn.deliveries.retry(id, { by: 'a person' })).toMatchObject({
      status: expect.stringMatching(/pending|processing/),
      maxAttempts: 6,
    })
    const dead = await untilStatus(posthorn, id, 'dead')
    expect(dead).toMatchObject({ attemptCount: 4, deadLetter: { reason: 'permanent', requeuedAt: null } })
    await posthorn.deliveries.retry(id)
    const delivered = await untilStatus(posthorn, id, 'delivered')
    expect(delivered).toMatchObject({
      attemptCount: 6,
      maxAttempts: 7,
      deadLetter: { requeuedAt: expect.any(String) },
    })
    expect(world.receiver.received(path).map((request) => request.id)).toEqual(
      Array.from({ length: 6 }, () => id),
    )
    await expect(posthorn.deliveries.retry(id)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('wait for the time for which an event is scheduled', async () => {
    const { path, publish } = await endpointFor({})
    const scheduledAt = new Date(Date.now() + 3_600_000)
    const later = await publish({ scheduledAt })
    const soonAt = new Date(Date.now() + 500)
    const soon = await publish({ scheduledAt: soonAt.toISOString() })
    const now = await publish()
    await untilStatus(posthorn, soon, 'delivered')
    await untilStatus(posthorn, now, 'delivered')
    const received = world.receiver.received(path)
    expect(received.map((request) => request.id).toSorted()).toEqual([now, soon].toSorted())
    expect(received.find((request) => request.id === soon)?.receivedAt).toBeGreaterThanOrEqual(
      soonAt.getTime(),
    )
    expect(await posthorn.deliveries.get(later)).toMatchObject({
      status: 'pending',
      attemptCount: 0,
      scheduledAt: scheduledAt.toISOString(),
      nextAttemptAt: scheduledAt.toISOString(),
    })
    expect(await posthorn.deliveries.cancel(later)).toMatchObject({
      status: 'cancelled',
      delivery: { status: 'cancelled' },
    })
  })

  it('end at the term of a delivery, before a request that came too late is made', async () => {
    const { path, publish } = await endpointFor({})
    const id = await publish({ scheduledAt: new Date(Date.now() + 3_600_000) })
    await world.db.pool.query(`update posthorn.deliveries set expires_at = now() where id = $1`, [uuidOf(id)])
    await posthorn.deliveries.retry(id)
    expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({
      attemptCount: 0,
      deadLetter: { reason: 'expired' },
    })
    expect(world.receiver.received(path)).toEqual([])
    expect(of('dead', id)).toMatchObject([{ reason: 'expired' }])
  })

  it('are not planned for a time after the term', async () => {
    const { publish } = await endpointFor([{ status: 503, headers: { 'retry-after': '3000' } }])
    const id = await publish({ scheduledAt: new Date(Date.now() + 3_600_000) })
    await world.db.pool.query(
      `update posthorn.deliveries set expires_at = now() + interval '10 minutes' where id = $1`,
      [uuidOf(id)],
    )
    await posthorn.deliveries.retry(id)
    expect(await untilStatus(posthorn, id, 'dead')).toMatchObject({
      attemptCount: 1,
      deadLetter: { reason: 'expired' },
      lastFailure: 'http_5xx',
    })
  })
})

describe('blocked addresses', () => {
  it('end a delivery at once, with the same words whatever was blocked', async () => {
    await using world = await createWorld()
    // Made where these networks are allowed, delivered where they are not (any more).
    const maker = world.open({ allowedCidrs: ['127.0.0.0/8', '10.0.0.0/8', '::1/128'] })
    const strict = world.open({ allowedCidrs: [] })
    const { port } = new URL(world.receiver.url())
    const urls = [`http://127.0.0.1:${port}/a`, `http://localhost:${port}/b`, 'http://10.1.2.3/c']
    const ids = await Promise.all(
      urls.map(async (url) => (await maker.enqueue({ url, payload: 1 })).deliveryIds[0] ?? ''),
    )
    await strict.runOnce()
    const deliveries = await Promise.all(ids.map((id) => maker.deliveries.get(id)))
    for (const delivery of deliveries) {
      expect(delivery).toMatchObject({
        status: 'dead',
        attemptCount: 1,
        lastFailure: 'blocked',
        deadLetter: { reason: 'blocked' },
      })
      expect(JSON.stringify(delivery.attempts)).not.toMatch(/127\.0|10\.1|::1/)
    }
    expect(
      new Set(
        deliveries.map(
          ({ lastError, attempts }) => `${lastError} ${attempts[0]?.errorCode} ${attempts[0]?.errorMessage}`,
        ),
      ).size,
    ).toBe(1)
    expect(world.receiver.received()).toEqual([])
    await expect(strict.enqueue({ url: urls[0] ?? '', payload: 1 })).rejects.toMatchObject({
      code: 'validation',
    })
  })
})

const uuidOf = (id: string) => id.slice(4)
