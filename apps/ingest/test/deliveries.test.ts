import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deliveryDetailSchema, deliverySchema } from '../src/deliveries/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { gate } from './support/gate.ts'
import { startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let admin: Client

beforeAll(async () => {
  service = await startService()
  admin = clientOf(service.url, await service.key('admin'))
})
afterAll(() => service.stop())

/** An event for one endpoint, and its delivery. */
async function owe(url: string, more: object = {}) {
  const type = `t.${Math.random().toString(36).slice(2)}`
  await admin('/api/v1/endpoints', { json: { url, eventTypes: [type] } })
  const event = (await admin('/api/v1/events', { json: { type, payload: { a: 1 }, ...more } })).json<{
    id: string
  }>()
  const [delivery] = pageOf(deliverySchema).parse(
    (await admin(`/api/v1/deliveries?eventId=${event.id}`)).json(),
  ).data
  if (!delivery) throw new Error('nothing is owed')
  return { event, delivery }
}

const get = async (id: string) => deliveryDetailSchema.parse((await admin(`/api/v1/deliveries/${id}`)).json())

describe('deliveries', () => {
  it('show their attempts, and events show both', async () => {
    await using receiver = await startReceiver()
    const { delivery, event } = await owe(receiver.url)
    expect(await service.posthorn.runOnce()).toBeGreaterThan(0)
    const delivered = await get(delivery.id)
    expect(delivered).toMatchObject({
      status: 'delivered',
      attemptCount: 1,
      attempts: [{ success: true, statusCode: 200 }],
    })
    const shown = (await admin(`/api/v1/events/${event.id}`)).json()
    expect(shown).toMatchObject({
      payload: { a: 1 },
      deliveries: [{ id: delivery.id, attempts: [{ number: 1 }] }],
    })
    expect(receiver.received.map(({ body }) => body)).toEqual(['{"a":1}'])
    for (const action of ['retry', 'cancel']) {
      const refused = await admin(`/api/v1/deliveries/${delivery.id}/${action}`, { method: 'POST' })
      expect(refused.problem()).toMatchObject({ status: 409, code: 'conflict' })
      expect(refused.headers.get('retry-after')).toBeNull()
    }
  })

  it('that are dead can be tried again', async () => {
    let status = 400
    await using receiver = await startReceiver((response) => response.writeHead(status).end())
    const { delivery } = await owe(receiver.url)
    await service.posthorn.runOnce()
    expect(await get(delivery.id)).toMatchObject({
      status: 'dead',
      deadLetter: { reason: 'permanent', id: expect.stringMatching(/^dl_/) },
    })
    status = 200
    const retried = await admin(`/api/v1/deliveries/${delivery.id}/retry`, { method: 'POST' })
    expect(deliverySchema.parse(retried.json())).toMatchObject({ id: delivery.id, status: 'pending' })
    await service.posthorn.runOnce()
    expect(await get(delivery.id)).toMatchObject({
      status: 'delivered',
      attemptCount: 2,
      deadLetter: { requeuedAt: expect.any(String) },
    })
  })

  it('that wait are called off at once, those being tried when the try is over', async () => {
    const later = { scheduledAt: new Date(Date.now() + 3_600_000).toISOString() }
    const { delivery: waiting } = await owe('http://127.0.0.1:9/', later)
    const cancelled = await admin(`/api/v1/deliveries/${waiting.id}/cancel`, { method: 'POST' })
    expect(cancelled.status).toBe(200)
    expect(cancelled.json()).toMatchObject({
      status: 'cancelled',
      delivery: { id: waiting.id, status: 'cancelled' },
    })

    const { promise: held, open: release } = gate()
    await using receiver = await startReceiver(
      (response) => void held.then(() => response.writeHead(503).end()),
    )
    const { delivery } = await owe(receiver.url)
    const running = service.posthorn.runOnce()
    await expect.poll(() => receiver.received.length).toBe(1)
    expect((await get(delivery.id)).status).toBe('processing')
    const busy = await admin(`/api/v1/deliveries/${delivery.id}/retry`, { method: 'POST' })
    expect(busy.problem()).toMatchObject({ status: 409 })
    const requested = await admin(`/api/v1/deliveries/${delivery.id}/cancel`, { method: 'POST' })
    expect(requested.status).toBe(202)
    expect(requested.json()).toMatchObject({ status: 'requested', delivery: { cancelRequested: true } })
    release()
    await running
    expect((await get(delivery.id)).status).toBe('cancelled')
  })

  it('are found by status, endpoint and event', async () => {
    const { delivery } = await owe('http://127.0.0.1:9/', {
      scheduledAt: new Date(Date.now() + 3_600_000).toISOString(),
    })
    const query = (text: string) => admin(`/api/v1/deliveries?${text}`)
    const found = pageOf(deliverySchema).parse(
      (await query(`status=pending&endpointId=${delivery.endpointId}`)).json(),
    )
    expect(found.data.map(({ id }) => id)).toEqual([delivery.id])
    const none = pageOf(deliverySchema).parse(
      (await query(`status=delivered&endpointId=${delivery.endpointId}`)).json(),
    )
    expect(none).toEqual({ data: [], next: null, prev: null })
  })

  it.each(['status=lost', 'endpointId=dlv_1', 'eventId=%00', 'endpoint=1'])(
    'refuse the query %s',
    async (query) => {
      const problem = (await admin(`/api/v1/deliveries?${query}`)).problem()
      expect(problem).toMatchObject({ status: 422, errors: [{ path: query.split('=')[0] }] })
    },
  )
})

describe('events', () => {
  it('are found by type, session, status and time', async () => {
    const since = new Date().toISOString()
    const event = (
      await admin('/api/v1/events', { json: { type: 'find.me', payload: 1, sessionId: 's 1' } })
    ).json<{ id: string }>()
    for (const query of ['type=find.me', 'sessionId=s%201', `status=SUCCESS&type=find.me&since=${since}`]) {
      const page = (await admin(`/api/v1/events?${query}`)).json<{ data: { id: string }[] }>()
      expect(page.data.map(({ id }) => id)).toEqual([event.id])
    }
    const later = await admin(
      `/api/v1/events?type=find.me&since=${new Date(Date.now() + 60_000).toISOString()}`,
    )
    expect(later.json()).toEqual({ data: [], next: null, prev: null })
  })

  it.each([
    'status=LOST',
    'since=yesterday',
    'type=%00',
    'sessionId=a%00b',
    'requestId=',
    'limit=1e2',
    'foo=1',
  ])('refuse the query %s', async (query) => {
    const problem = (await admin(`/api/v1/events?${query}`)).problem()
    expect(problem).toMatchObject({ status: 422, errors: [{ path: query.split('=')[0] }] })
  })
})
