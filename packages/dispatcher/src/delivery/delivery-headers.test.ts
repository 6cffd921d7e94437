import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { createSigner, generateSecret, verify } from '../signing/index.ts'
import { formatBody } from './body-format.ts'
import { buildDelivery, buildDeliveryHeaders, type DeliveryHeadersInput } from './delivery-headers.ts'

const secret = generateSecret('v1').secret

const input = {
  signer: createSigner([secret]),
  webhookId: 'dlv_1',
  timestampSec: 1_790_000_000,
  body: '{"a":1}',
  eventId: 'evt_1',
  eventType: 'order.created',
  eventTimeMs: Date.parse('2026-11-22T10:00:00.123Z'),
  requestId: 'req_1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  timeoutMs: 30_000,
  attempt: 2,
  maxAttempts: 5,
} satisfies DeliveryHeadersInput

const now = () => input.timestampSec * 1000

describe('buildDeliveryHeaders', () => {
  it('has exactly the headers of the contract', () => {
    const { 'webhook-signature': signature, ...rest } = buildDeliveryHeaders(input)
    expect(rest).toEqual({
      'user-agent': `Posthorn/${manifest.version}`,
      'content-type': 'application/json',
      'webhook-id': 'dlv_1',
      'webhook-timestamp': '1790000000',
      'x-event-type': 'order.created',
      'x-event-id': 'evt_1',
      'x-request-id': 'req_1',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'x-timeout-ms': '30000',
      'x-retry-attempt': '2',
      'x-max-attempts': '5',
    })
    expect(signature).toBe(input.signer.sign('dlv_1', input.timestampSec, '{"a":1}'))
  })

  it('has no signature without a signer, and is the same otherwise', () => {
    const { signer: _, ...unsigned } = input
    const { 'webhook-signature': signature, ...rest } = buildDeliveryHeaders(input)
    expect(signature).toBeDefined()
    expect(buildDeliveryHeaders(unsigned)).toEqual(rest)
  })

  it('can be verified by a receiver', () => {
    expect(verify('{"a":1}', buildDeliveryHeaders(input), secret, { now }).ok).toBe(true)
    expect(verify('{"a": 1}', buildDeliveryHeaders(input), secret, { now }).ok).toBe(false)
  })

  it('adds custom headers and lets them replace nothing', () => {
    const plain = buildDeliveryHeaders(input)
    const hostile = Object.fromEntries(Object.keys(plain).map((name) => [name.toUpperCase(), 'evil']))
    const customHeaders = {
      authorization: 'Bearer x',
      ...hostile,
      Connection: 'close',
      'transfer-encoding': 'chunked',
    }
    expect(buildDeliveryHeaders({ ...input, customHeaders })).toEqual({ ...plain, authorization: 'Bearer x' })
  })

  it.each([
    { customHeaders: { 'x-a': 'a\r\nx-evil: 1' } },
    { eventType: 'a\nb' },
    { requestId: 'req_\r' },
    { traceparent: 'x\ny' },
    { webhookId: 'a.b' },
  ])('refuses what would break the request apart: %j', (wrong) => {
    expect(() => buildDeliveryHeaders({ ...input, ...wrong })).toThrow(TypeError)
  })

  it('sends another user agent when asked', () => {
    expect(buildDeliveryHeaders({ ...input, userAgent: 'Acme/1' })['user-agent']).toBe('Acme/1')
  })
})

describe('formats', () => {
  const payload = '{"n":1e400,"big":12345678901234567890, "z":1,"a":"\\u0000\\ud800"}'
  const { body: _, ...delivery } = input

  it('raw: sends the payload byte for byte', () => {
    const bytes = Buffer.from(payload)
    expect(buildDelivery({ ...delivery, payload: bytes }).body).toBe(bytes)
    expect(buildDelivery({ ...delivery, payload }).body).toBe(payload)
  })

  it('standard: wraps the payload without touching it, and signs the wrapped body', () => {
    const expected = `{"type":"order.created","timestamp":"2026-11-22T10:00:00.123Z","data":${payload}}`
    const fromText = buildDelivery({ ...delivery, format: 'standard', payload })
    expect(fromText.body).toBe(expected)
    expect(verify(expected, fromText.headers, secret, { now }).ok).toBe(true)
    const fromBytes = buildDelivery({ ...delivery, format: 'standard', payload: Buffer.from(payload) })
    expect(Buffer.from(fromBytes.body).toString()).toBe(expected)
    expect(fromBytes.headers).toEqual(fromText.headers)
  })

  it('standard: holds any JSON and any type', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (data, eventType) => {
        const body = formatBody('standard', data, { ...input, eventType })
        expect(JSON.parse(String(body))).toEqual({
          type: eventType,
          timestamp: '2026-11-22T10:00:00.123Z',
          data: JSON.parse(data),
        })
      }),
    )
  })

  it('cloudevents: leaves the body alone and adds the attributes as headers', () => {
    const { headers, body } = buildDelivery({
      ...delivery,
      format: 'cloudevents',
      payload,
      source: '/apps/a "b"%ü',
    })
    expect(body).toBe(payload)
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': 'evt_1',
      'ce-type': 'order.created',
      'ce-time': '2026-11-22T10:00:00.123Z',
      'ce-source': '/apps/a%20%22b%22%25%C3%BC',
    })
    expect(buildDelivery({ ...delivery, format: 'cloudevents', payload }).headers['ce-source']).toBe(
      '/posthorn',
    )
  })

  it('has no CloudEvents headers otherwise', () => {
    for (const format of ['raw', 'standard'] as const) {
      const names = Object.keys(buildDelivery({ ...delivery, format, payload }).headers)
      expect(names.filter((name) => name.startsWith('ce-'))).toEqual([])
    }
  })
})
