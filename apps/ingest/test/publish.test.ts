import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, clientOf } from './support/client.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let admin: Client
let anonymous: Client

beforeAll(async () => {
  service = await startService()
  admin = clientOf(service.url, await service.key('admin'))
  anonymous = clientOf(service.url)
})
afterAll(() => service.stop())

const publish = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  admin('/api/v1/events', { body, headers })

interface Accepted {
  id: string
  requestId: string
  status: string
  duplicate: boolean
  deliveries: number
}

async function storedPayload(id: string): Promise<string> {
  const { text } = await admin(`/api/v1/events/${id}`)
  const { rows } = await service.database.pool.query<{ payload: string }>(
    'select payload from posthorn.events where id = $1',
    [id.slice(4)],
  )
  const payload = rows[0]?.payload ?? ''
  expect(text).toContain(`"payload":${payload}}`)
  return payload
}

describe('POST /api/v1/events', () => {
  it('answers 202 once the event is on disk', async () => {
    const answer = await publish('{"type":"order.created","payload":{"n":1}}')
    expect(answer.status).toBe(202)
    const accepted = answer.json<Accepted>()
    expect(accepted).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      requestId: answer.headers.get('x-request-id'),
      status: 'accepted',
      duplicate: false,
      deliveries: 0,
    })
    expect(await storedPayload(accepted.id)).toBe('{"n":1}')
  })

  it('counts the endpoints it is owed to', async () => {
    const made = await admin('/api/v1/endpoints', {
      json: { url: 'http://127.0.0.1:9/', eventTypes: ['counted.*'] },
    })
    expect(made.status).toBe(201)
    const answer = await publish('{"type":"counted.once","payload":null}')
    expect(answer.json<Accepted>().deliveries).toBe(1)
  })

  it.each([
    ['big numbers', '{ "n" : 123456789012345678901234567890, "e":1e400 , "z":-0.10e-3}'],
    ['key order, duplicates and white space', '{"b":1,\n\t"a":2,"b":3}\r\n'.trim()],
    ['escapes', '"\\u0000 \\ud800 \\u00e9 \\/"'],
    ['other letters', '{"ключ":"значение 🎺"}'],
    ['a string with quotes and braces', '"a\\"}]\\\\"'],
    ['a scalar', '1.50'],
  ])('keeps the bytes of the payload: %s', async (_name, payload) => {
    const answer = await publish(`{ "payload" :  ${payload} , "type":"byte.exact"}`)
    expect(answer.status).toBe(202)
    expect(await storedPayload(answer.json<Accepted>().id)).toBe(payload)
  })

  it('keeps what comes with the event', async () => {
    const answer = await publish(
      JSON.stringify({
        type: 'a.b',
        payload: 1,
        requestId: 'order-1',
        sessionId: 's-1',
        metadata: { tenant: 'x', deep: [1, { a: null }] },
        maxAttempts: 3,
        scheduledAt: new Date(Date.now() + 60_000).toISOString(),
        orderingKey: 'k',
        headers: { 'x-shop': '1' },
      }),
      { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    )
    expect(answer.status).toBe(202)
    const event = (await admin(`/api/v1/events/${answer.json<Accepted>().id}`)).json()
    expect(event).toMatchObject({
      type: 'a.b',
      requestId: 'order-1',
      sessionId: 's-1',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      source: 'http',
      status: 'SUCCESS',
      metadata: { tenant: 'x', deep: [1, { a: null }] },
      payload: 1,
    })
  })
})

describe('the same id again', () => {
  it('makes one event of 64 requests at once', async () => {
    const body = '{"type":"once","payload":{"x":1},"requestId":"parallel-1"}'
    const answers = await Promise.all(Array.from({ length: 64 }, () => publish(body)))
    expect(answers.map((answer) => answer.status)).toEqual(Array(64).fill(202))
    const accepted = answers.map((answer) => answer.json<Accepted>())
    expect(new Set(accepted.map((answer) => answer.id)).size).toBe(1)
    expect(accepted.filter((answer) => !answer.duplicate)).toHaveLength(1)
    const { rows } = await service.database.pool.query(
      `select count(*)::int as n from posthorn.events where request_id = 'parallel-1'`,
    )
    expect(rows).toEqual([{ n: 1 }])
  })

  it('takes the id from the header, quoted or bare, as the same id', async () => {
    const body = '{"type":"once","payload":1}'
    const first = await publish(body, { 'idempotency-key': '"header-1"' })
    const again = await publish(body, { 'idempotency-key': 'header-1' })
    const inBody = await publish('{"type":"once","payload":1,"requestId":"header-1"}')
    expect(first.json<Accepted>()).toMatchObject({ requestId: 'header-1', duplicate: false })
    for (const answer of [again, inBody]) {
      expect(answer.json<Accepted>()).toEqual({ ...first.json<Accepted>(), duplicate: true })
    }
  })

  it('refuses another event under it', async () => {
    await publish('{"type":"once","payload":1,"requestId":"other-1"}')
    const answer = await publish('{"type":"once","payload":2,"requestId":"other-1"}')
    expect(answer.status).toBe(422)
    expect(answer.problem().code).toBe('idempotency_mismatch')
  })

  it('refuses two different ids', async () => {
    const answer = await publish('{"type":"once","payload":1,"requestId":"a"}', { 'idempotency-key': 'b' })
    expect(answer.problem()).toMatchObject({
      status: 422,
      code: 'validation',
      errors: [{ path: 'requestId' }],
    })
  })

  it.each(['""', '"unclosed', 'two words', '"a\\b"', 'x'.repeat(201), '"a", "b"'])(
    'refuses a header that is no key: %s',
    async (key) => {
      const answer = await publish('{"type":"once","payload":1}', { 'idempotency-key': key })
      expect(answer.problem()).toMatchObject({ status: 422, errors: [{ path: 'idempotency-key' }] })
    },
  )
})

describe('bad input', () => {
  const big = 'x'.repeat(2 * 1_048_576)
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))

  it.each<[string, string | Uint8Array, number, string, string[]]>([
    ['nothing', '', 400, 'malformed', []],
    ['no JSON', '{"type":', 400, 'malformed', []],
    ['two values', '{"type":"a","payload":1} {}', 400, 'malformed', []],
    ['a comment', '{"type":"a","payload":1} // no', 400, 'malformed', []],
    ['a raw NUL', '{"type":"a","payload":"\0"}', 400, 'malformed', []],
    ['invalid UTF-8', bytes('{"type":"a","payload":"', [0xff], '"}'), 400, 'malformed', []],
    [
      'a surrogate in UTF-8',
      bytes('{"type":"a","payload":"', [0xed, 0xa0, 0x80], '"}'),
      400,
      'malformed',
      [],
    ],
    ['a byte order mark', '\uFEFF{"type":"a","payload":1}', 400, 'malformed', []],
    ['brackets without end', '['.repeat(100_000), 400, 'malformed', []],
    ['a list', '[{"type":"a","payload":1}]', 422, 'validation', ['']],
    ['a scalar', '7', 422, 'validation', ['']],
    ['null', 'null', 422, 'validation', ['']],
    ['no fields', '{}', 422, 'validation', ['type', 'payload']],
    ['wrong types', '{"type":1,"payload":1,"maxAttempts":"3"}', 422, 'validation', ['type', 'maxAttempts']],
    [
      'unknown fields',
      '{"type":"a","payload":1,"typ":1,"__proto__":{}}',
      422,
      'validation',
      ['typ', '__proto__'],
    ],
    ['a payload given twice', '{"type":"a","payload":1,"payl\\u006fad":2}', 422, 'validation', ['payload']],
    ['a type given twice', '{"type":"a","type":"a","payload":1}', 422, 'validation', ['type']],
    ['a type with NUL', '{"type":"a\\u0000","payload":1}', 422, 'validation', ['type']],
    ['a bad type', '{"type":"a b","payload":1}', 422, 'validation', ['type']],
    ['half a pair', '{"type":"a","payload":1,"sessionId":"\\ud800"}', 422, 'validation', ['sessionId']],
    ['NUL in a session', '{"type":"a","payload":1,"sessionId":"a\\u0000"}', 422, 'validation', ['sessionId']],
    [
      'NUL in metadata',
      '{"type":"a","payload":1,"metadata":{"a":["\\u0000"]}}',
      422,
      'validation',
      ['metadata.a[0]'],
    ],
    ['a huge number', '{"type":"a","payload":1,"maxAttempts":1e400}', 422, 'validation', ['maxAttempts']],
    [
      'a huge number in metadata',
      '{"type":"a","payload":1,"metadata":{"n":1e400}}',
      422,
      'validation',
      ['metadata.n'],
    ],
    [
      'digits that would be lost',
      '{"type":"a","payload":1,"metadata":{"n":12345678901234567890}}',
      422,
      'validation',
      ['metadata.n'],
    ],
    ['a fraction of a try', '{"type":"a","payload":1,"maxAttempts":1.5}', 422, 'validation', ['maxAttempts']],
    [
      'a time without a zone',
      '{"type":"a","payload":1,"scheduledAt":"2026-01-01T00:00:00"}',
      422,
      'validation',
      ['scheduledAt'],
    ],
    [
      'a reserved header',
      '{"type":"a","payload":1,"headers":{"host":"x"}}',
      422,
      'validation',
      ['headers["host"]'],
    ],
    [
      'a header with a line break',
      '{"type":"a","payload":1,"headers":{"x-a":"b\\r\\nc: d"}}',
      422,
      'validation',
      ['headers["x-a"]'],
    ],
    ['2 MB', `{"type":"a","payload":"${big}"}`, 413, 'payload_too_large', []],
  ])('%s', async (_name, body, status, code, paths) => {
    const answer = await publish(body)
    const problem = answer.problem()
    expect({ status: answer.status, code: problem.code }).toEqual({ status, code })
    expect(problem).toMatchObject({
      status,
      type: `urn:posthorn:problem:${code}`,
      requestId: answer.headers.get('x-request-id'),
    })
    expect((problem.errors ?? []).map((error) => error.path).sort()).toEqual([...paths].sort())
  })

  it('takes a payload of 100 000 brackets, and refuses metadata of them', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const taken = await publish(`{"type":"deep","payload":${deep}}`)
    expect(taken.status).toBe(202)
    expect(await storedPayload(taken.json<Accepted>().id)).toBe(deep)
    const refused = await publish(`{"type":"deep","payload":1,"metadata":{"a":${deep}}}`)
    expect(refused.status).toBe(422)
  })

  it('says 415 to what is no JSON', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': 'nonsense' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ]) {
      const answer = await publish('{"type":"a","payload":1}', headers)
      expect(answer.problem()).toMatchObject({ status: 415, code: 'unsupported_media_type' })
    }
  })

  it('takes the usual ways to say JSON', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
      const answer = await publish('{"type":"a","payload":1}', { 'content-type': type })
      expect(answer.status).toBe(202)
    }
  })

  it('does not say more than 100 mistakes', async () => {
    const fields = Array.from({ length: 5_000 }, (_, at) => `"unknown${at}":1`).join(',')
    const problem = (await publish(`{"type":"a","payload":1,${fields}}`)).problem()
    expect(problem.errors).toHaveLength(100)
  })
})

describe('request ids', () => {
  it('takes over a visible one, and makes one otherwise', async () => {
    const kept = await anonymous('/livez', { headers: { 'x-request-id': 'my-id/1' } })
    expect(kept.headers.get('x-request-id')).toBe('my-id/1')
    for (const given of ['two words', 'x'.repeat(201)]) {
      const answer = await anonymous('/livez', { headers: { 'x-request-id': given } })
      expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    }
  })

  it('is the name of an event that has none', async () => {
    const answer = await publish('{"type":"named","payload":1}', { 'x-request-id': 'trace-me' })
    expect(answer.json<Accepted>().requestId).toBe('trace-me')
    const list = await admin('/api/v1/events?requestId=trace-me')
    expect(list.json<{ data: { id: string }[] }>().data.map((event) => event.id)).toEqual([
      answer.json<Accepted>().id,
    ])
  })
})
