import { uuidv7 } from '@posthorn/core'
import { verifyCall } from '@posthorn/dispatcher/signing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EnqueueInput, Posthorn } from '../src/index.ts'
import { createWorld, PATIENCE, untilStatus, type World } from './support.ts'

describe('enqueue to an endpoint', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await posthorn.start()
  })
  afterAll(() => world.close())

  it('owes the event to that endpoint alone, whatever it subscribes to', async () => {
    const { path, endpoint, type } = await world.endpoint(posthorn, () => ({ status: 204 }))
    const other = await world.endpoint(posthorn, () => ({ status: 204 }), { eventTypes: ['*'] })
    const accepted = await posthorn.enqueue({
      endpointId: endpoint.id,
      type: `${type}.other`,
      payload: { n: 1 },
    })
    expect(accepted.deliveryIds).toHaveLength(1)
    await untilStatus(posthorn, accepted.deliveryIds[0], 'delivered')
    expect(world.receiver.received(path)).toHaveLength(1)
    expect(world.receiver.received(other.path)).toHaveLength(0)
  })

  it('says what is wrong with a destination, and takes nothing', async () => {
    const url = world.receiver.url('/x')
    const events = await posthorn.events.list()
    const wrong = [
      [{ payload: 1 }, 'url'],
      [{ payload: 1, url, endpointId: 'ep_1' }, 'endpointId'],
    ] as const
    for (const [input, path] of wrong) {
      await expect(posthorn.enqueue(input as unknown as EnqueueInput)).rejects.toMatchObject({
        issues: [{ path }],
      })
    }
    for (const endpointId of ['ep_1', `ep_${uuidv7().replaceAll('-', '')}`]) {
      await expect(posthorn.enqueue({ endpointId, payload: 1 })).rejects.toMatchObject({ code: 'not_found' })
    }
    expect(await posthorn.events.list()).toEqual(events)
  })

  it("does not find another app's endpoint", async () => {
    const { endpoint } = await world.endpoint(posthorn, () => ({}))
    const other = posthorn.forApp(uuidv7())
    await expect(other.enqueue({ endpointId: endpoint.id, payload: 1 })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  describe('of a manifest', () => {
    const own = async () => {
      const made = await world.endpoint(posthorn, ({ seen }) => ({ status: seen === 1 ? 503 : 204 }), {
        retry: [0],
      })
      const { secret } = await posthorn.endpoints.rotateSecret(made.endpoint.id, { graceMs: 0 })
      await world.db.pool.query(`update posthorn.endpoints set origin = 'manifest' where id = $1`, [
        made.endpoint.id.slice(3),
      ])
      return { ...made, secret }
    }

    it('is signed like a call, in each try', async () => {
      const { endpoint, path, secret } = await own()
      const { deliveryIds } = await posthorn.enqueue(
        { endpointId: endpoint.id, type: 'scores', payload: { n: 1 } },
        { context: { httpRequestId: 'req-7' } },
      )
      await untilStatus(posthorn, deliveryIds[0], 'delivered')
      await expect.poll(() => world.receiver.received(path).length, PATIENCE).toBe(2)
      const requests = world.receiver.received(path)
      for (const { headers, body } of requests) {
        expect(headers['x-request-id']).toBe('req-7')
        expect(
          verifyCall(String(headers['x-platform-signature']), {
            secret,
            requestId: 'req-7',
            body: String(body),
          }),
        ).toBe(true)
      }
      expect(requests.map(({ headers }) => [headers['x-retry-attempt'], headers['x-max-attempts']])).toEqual([
        ['1', '2'],
        ['2', '2'],
      ])
    })

    it('refuses a request id that its signature could not hold', async () => {
      const { endpoint } = await own()
      await expect(
        posthorn.enqueue({ endpointId: endpoint.id, payload: 1, idempotencyKey: 'a.b' }),
      ).rejects.toMatchObject({ issues: [{ path: 'idempotencyKey' }] })
    })

    it('changes with the manifest and not by itself', async () => {
      const { endpoint } = await own()
      const { endpoints } = posthorn
      for (const change of [
        () => endpoints.update(endpoint.id, { timeoutMs: 1_000 }),
        () => endpoints.remove(endpoint.id),
        () => endpoints.rotateSecret(endpoint.id),
      ]) {
        await expect(change()).rejects.toMatchObject({ code: 'conflict' })
      }
      expect(await endpoints.pause(endpoint.id)).toMatchObject({ origin: 'manifest' })
      expect((await endpoints.resume(endpoint.id)).pausedAt).toBeNull()
    })
  })
})
