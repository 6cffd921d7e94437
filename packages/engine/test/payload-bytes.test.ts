import { verify } from '@posthorn/dispatcher/signing'
import type { ReceivedRequest } from '@posthorn/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EndpointView, type NewSecret, type Posthorn, rawJson } from '../src/index.ts'
import { createWorld, type World } from './support.ts'

const TEXTS: [what: string, json: string][] = [
  ['a number beyond every double', '{"n":1e400,"m":-1E+999}'],
  ['an integer of thirty digits', '[123456789012345678901234567890]'],
  ['the form of a number', '[1.0,1e0,0.10,-0]'],
  ['a key that comes twice', '{"a":1,"a":2}'],
  ['the order of keys', '{"2":0,"1":0,"b":0,"a":0,"__proto__":0}'],
  ['an escaped NUL', '"a\\u0000b"'],
  ['half of a surrogate pair', '["\\ud800","\\udc00"]'],
  ['escapes that need not be', '"\\/\\u00e9\\u0041"'],
  ['white space', ' {\n\t"a" : [ ] ,\r\n "b":{ } } '],
  ['text beyond ASCII', '"žluťoučký kůň 🐎 \u2028"'],
  ['nothing but a word', 'null'],
]

describe('payload bytes', () => {
  let world: World
  let posthorn: Posthorn
  const endpoints = new Map<string, EndpointView & NewSecret>()
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    for (const format of ['raw', 'standard', 'cloudevents'] as const) {
      endpoints.set(
        format,
        await posthorn.endpoints.create({
          url: world.receiver.url(`/${format}`),
          eventTypes: ['*'],
          format,
          signing: format === 'raw' ? 'v1' : 'v1a',
        }),
      )
    }
    await posthorn.start()
  })
  afterAll(() => world.close())

  const arrived = async (ids: readonly string[]): Promise<Map<string, ReceivedRequest>> => {
    const requests = await world.receiver.waitFor((all) =>
      ids.every((id) => all.some((request) => request.id === id)),
    )
    return new Map(
      requests
        .filter((request) => ids.includes(request.id ?? ''))
        .map((request) => [request.path.slice(1), request]),
    )
  }
  const isSigned = (format: string, { body, headers }: ReceivedRequest) => {
    const endpoint = endpoints.get(format)
    return verify(body, headers, endpoint?.publicKey ?? endpoint?.secret ?? '')
  }

  it.each(TEXTS)('keeps %s', async (_what, json) => {
    const { eventId, deliveryIds } = await posthorn.publish({ type: 'bytes', payload: rawJson(json) })
    const requests = await arrived(deliveryIds)
    expect([...requests.keys()].sort()).toEqual(['cloudevents', 'raw', 'standard'])
    for (const [format, request] of requests)
      expect(isSigned(format, request), format).toMatchObject({ ok: true })
    expect(requests.get('raw')?.body.equals(Buffer.from(json))).toBe(true)
    expect(requests.get('cloudevents')?.body.equals(Buffer.from(json))).toBe(true)
    const standard = requests.get('standard')?.body.toString() ?? ''
    expect(standard.endsWith(`"data":${json}}`)).toBe(true)
    expect(standard.startsWith('{"type":"bytes","timestamp":"')).toBe(true)
    expect((await posthorn.events.get(eventId)).payload.json).toBe(json)
  })

  it('prints what is no text once, well-formed whatever was in it', async () => {
    const payload = { half: '\ud800', nul: '\0', date: new Date(0), list: [undefined] }
    const { deliveryIds } = await posthorn.publish({ type: 'bytes', payload })
    expect((await arrived(deliveryIds)).get('raw')?.body.toString()).toBe(
      '{"half":"\\ud800","nul":"\\u0000","date":"1970-01-01T00:00:00.000Z","list":[null]}',
    )
  })

  it('carries headers that name the event, its type and its try', async () => {
    const { deliveryIds, eventId } = await posthorn.publish({
      type: 'bytes',
      payload: 1,
      requestId: 'named',
      headers: { 'x-mine': 'yes' },
    })
    const { headers, method } = (await arrived(deliveryIds)).get('raw') ?? { headers: {}, method: '' }
    expect(method).toBe('POST')
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-event-type': 'bytes',
      'x-event-id': eventId,
      'x-request-id': 'named',
      'x-retry-attempt': expect.any(String),
      'x-max-attempts': '5',
      'x-timeout-ms': '5000',
      'x-mine': 'yes',
      'user-agent': expect.stringMatching(/^Posthorn\//),
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    })
  })

  it('keeps one trace from the request that brought the event', async () => {
    const traceId = 'ab'.repeat(16)
    const { deliveryIds } = await posthorn.publish(
      { type: 'bytes', payload: 1 },
      { context: { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01` } },
    )
    for (const request of (await arrived(deliveryIds)).values())
      expect(request.headers['traceparent']).toContain(`00-${traceId}-`)
  })
})
