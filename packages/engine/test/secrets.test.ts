import { generateEncryptionKey } from '@posthorn/db'
import { verify } from '@posthorn/dispatcher/signing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { count, createWorld, keepingLogger, PATIENCE, untilStatus, type World } from './support.ts'

describe('secrets', () => {
  let world: World
  let posthorn: Posthorn
  let paths = 0
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await posthorn.start()
  })
  afterAll(() => world.close())

  const createEndpoint = async (input = {}, by: Posthorn = posthorn) => {
    paths += 1
    const path = `/${paths}`
    const type = `t${paths}`
    const endpoint = await by.endpoints.create({
      url: world.receiver.url(path),
      eventTypes: [type],
      ...input,
    })
    const deliver = async () => {
      const { deliveryIds } = await by.publish({ type, payload: 1 })
      await untilStatus(by, deliveryIds[0], 'delivered')
      const [request] = world.receiver.receivedWithId(deliveryIds[0] ?? '')
      if (!request) throw new Error('nothing arrived')
      return { request, opens: (secret: string) => verify(request.body, request.headers, secret).ok }
    }
    return { endpoint, path, type, deliver }
  }

  it('are shown once and never again', async () => {
    const { endpoint } = await createEndpoint({ headers: { authorization: 'Bearer hush' } })
    expect(endpoint.secret).toMatch(/^whsec_/)
    const shown = JSON.stringify([
      await posthorn.endpoints.get(endpoint.id),
      await posthorn.endpoints.list(),
      await posthorn.endpoints.update(endpoint.id, { description: 'x' }),
    ])
    expect(shown).not.toContain(endpoint.secret.slice(6))
    expect(shown).not.toContain('Bearer hush')
  })

  it.each(['v1', 'v1a'] as const)(
    'both sign while a %s secret is being rotated, and only the new one afterwards',
    async (signing) => {
      const { endpoint, deliver } = await createEndpoint({ signing })
      const first = endpoint.publicKey ?? endpoint.secret
      expect((await deliver()).opens(first)).toBe(true)
      const made = await posthorn.endpoints.rotateSecret(endpoint.id, { graceMs: 3_600_000 })
      const second = made.publicKey ?? made.secret
      const during = await deliver()
      expect([during.opens(first), during.opens(second)]).toEqual([true, true])
      const third = await posthorn.endpoints.rotateSecret(endpoint.id, { graceMs: 0 })
      const after = await deliver()
      // Whichever of them has leaked: no grace means that none of them signs any more.
      expect([after.opens(first), after.opens(second), after.opens(third.publicKey ?? third.secret)]).toEqual(
        [false, false, true],
      )
    },
  )

  it('stop signing when their grace is over, in deliveries and in tests', async () => {
    const { endpoint, path, deliver } = await createEndpoint()
    const { secret } = await posthorn.endpoints.rotateSecret(endpoint.id, { graceMs: 400 })
    await expect.poll(async () => (await deliver()).opens(endpoint.secret), PATIENCE).toBe(false)
    expect((await deliver()).opens(secret)).toBe(true)
    await posthorn.endpoints.test(endpoint.id)
    expect(world.receiver.received(path).at(-1)?.headers['webhook-signature']).toMatch(/^v1,\S+$/)
  })

  it('are replaced without overlap when the kind of signature changes', async () => {
    const { endpoint, deliver } = await createEndpoint()
    expect((await deliver()).opens(endpoint.secret)).toBe(true)
    const { publicKey } = await posthorn.endpoints.update(endpoint.id, { signing: 'v1a' })
    const { request, opens } = await deliver()
    expect(opens(publicKey ?? '')).toBe(true)
    expect(request.headers['webhook-signature']).toMatch(/^v1a,\S+$/)
  })

  it('that are in force sign a test request, which is an attempt and no delivery', async () => {
    const { endpoint, path } = await createEndpoint({ circuit: { failureThreshold: 1 } })
    await posthorn.endpoints.rotateSecret(endpoint.id, { graceMs: 0 })
    const made = await posthorn.endpoints.rotateSecret(endpoint.id, { graceMs: 0 })
    expect(await posthorn.endpoints.test(endpoint.id)).toMatchObject({
      number: 1,
      success: true,
      statusCode: 200,
      failure: null,
    })
    const [request] = world.receiver.received(path)
    if (!request) throw new Error('nothing arrived')
    expect(verify(request.body, request.headers, made.secret).ok).toBe(true)
    expect(request.headers['webhook-signature']).toMatch(/^v1,\S+$/)
    expect(request.headers['x-event-type']).toBe('posthorn.test')
    const id = endpoint.id.slice(3)
    expect(await count(world.db.pool, `attempts where endpoint_id = $1 and kind = 'test'`, [id])).toBe(1)
    expect(await count(world.db.pool, 'deliveries where endpoint_id = $1', [id])).toBe(0)
    world.receiver.route(path, { status: 500, body: 'no' })
    expect(await posthorn.endpoints.test(endpoint.id)).toMatchObject({
      success: false,
      failure: 'http_5xx',
      responseBody: 'no',
    })
    expect(await posthorn.endpoints.circuit(endpoint.id)).toMatchObject({ state: 'closed', epoch: 0 })
  })
})

describe('secrets of other keys', () => {
  it('keep a worker from starting, and from being ready', async () => {
    await using world = await createWorld()
    const theirs = world.open({ encryptionKeys: generateEncryptionKey() })
    await theirs.endpoints.create({ url: world.receiver.url('/'), eventTypes: ['a'] })
    const ours = world.open({ encryptionKeys: generateEncryptionKey() })
    await expect(ours.start()).rejects.toMatchObject({ code: 'secret_unreadable' })
    expect(await ours.readiness()).toMatchObject({
      ready: false,
      problems: [expect.stringContaining('keys')],
    })
    expect(await theirs.readiness()).toMatchObject({ ready: true })
  })

  it('keep enqueue from sealing what no worker there could open', async () => {
    await using world = await createWorld()
    const theirs = world.open({ encryptionKeys: generateEncryptionKey() })
    await theirs.enqueue({ url: world.receiver.url('/'), payload: 1 })
    const ours = world.open({ encryptionKeys: generateEncryptionKey() })
    for (const path of ['/', '/other']) {
      await expect(ours.enqueue({ url: world.receiver.url(path), payload: 1 })).rejects.toMatchObject({
        code: 'secret_unreadable',
      })
    }
    expect(await count(world.db.pool, 'events')).toBe(1)
  })

  it('make deliveries wait: nothing is sent or burnt, nothing spins, others go on', async () => {
    await using world = await createWorld()
    const keys = [generateEncryptionKey(), generateEncryptionKey()] as const
    const [theirs, logger] = [world.open({ encryptionKeys: keys[0] }), keepingLogger()]
    const ours = world.open({ encryptionKeys: keys[1], logger })
    const closed = await theirs.endpoints.create({ url: world.receiver.url('/closed'), eventTypes: ['a'] })
    const opened = await ours.endpoints.create({ url: world.receiver.url('/open'), eventTypes: ['a'] })
    await ours.start()
    const open: string[] = []
    const waiting: string[] = []
    for (let n = 0; n < 5; n += 1) {
      const { deliveryIds } = await ours.publish({ type: 'a', payload: n })
      for (const id of deliveryIds)
        ((await ours.deliveries.get(id)).endpointId === closed.id ? waiting : open).push(id)
    }
    for (const id of open) await untilStatus(ours, id, 'delivered')
    for (const id of waiting) {
      await expect
        .poll(() => ours.deliveries.get(id), PATIENCE)
        .toMatchObject({ status: 'pending', attemptCount: 0, lastFailure: 'internal', attempts: [] })
    }
    expect(world.receiver.received('/closed')).toEqual([])
    expect(ours.stats.claimed).toBe(10)
    const line = logger.lines.find(
      ({ level, fields }) => level === 'error' && 'endpointId' in fields && fields.endpointId === closed.id,
    )
    expect(line?.message).toContain('cannot be opened')
    expect(JSON.stringify(logger.lines)).not.toContain(keys[1].split(':')[1])
    // Whoever has the key delivers them.
    await ours.endpoints.remove(opened.id)
    await ours.stop()
    await theirs.start()
    for (const id of waiting) await theirs.deliveries.retry(id)
    for (const id of waiting)
      expect(await untilStatus(theirs, id, 'delivered')).toMatchObject({ attemptCount: 1 })
  })

  it('of one delivery’s own headers make that delivery wait', async () => {
    await using world = await createWorld()
    const [older, newer] = [generateEncryptionKey(), generateEncryptionKey()]
    const both = world.open({ encryptionKeys: `${newer},${older}` })
    await both.endpoints.create({ url: world.receiver.url('/'), eventTypes: ['a'] })
    const { deliveryIds } = await world
      .open({ encryptionKeys: older })
      .publish({ type: 'a', payload: 1, headers: { 'x-token': 'hush' } })
    const worker = world.open({ encryptionKeys: newer })
    expect(await worker.runOnce()).toBe(1)
    expect(await both.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({
      status: 'pending',
      attemptCount: 0,
      lastFailure: 'internal',
      attempts: [],
    })
    await both.deliveries.retry(deliveryIds[0] ?? '')
    expect(await both.runOnce()).toBe(1)
    expect(world.receiver.received()[0]?.headers['x-token']).toBe('hush')
  })
})
