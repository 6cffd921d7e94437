import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problemSchema } from '../src/problems/problem.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let key: string

beforeAll(async () => {
  service = await startService({ config: { WEBHOOK_BODY_LIMIT: 65_536 } })
  key = await service.key('admin')
})
afterAll(() => service.stop())

async function send(
  url: string,
  payload: Buffer,
  more: Record<string, string> = {},
  method: 'POST' | 'PATCH' | 'PUT' = 'POST',
) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more }
  return service.app.inject({ method, url, payload, headers })
}

/** Whatever was sent: it was taken, or it is the sender's mistake and says so. */
function expectClear(answer: Awaited<ReturnType<typeof send>>): void {
  if (answer.statusCode >= 200 && answer.statusCode < 300) return
  expect(answer.statusCode).toBeGreaterThanOrEqual(400)
  expect(answer.statusCode, answer.payload).toBeLessThan(500)
  const problem = problemSchema.parse(answer.json())
  expect(problem.status).toBe(answer.statusCode)
  if (problem.code === 'validation') expect(problem.errors?.length).toBeGreaterThan(0)
}

const validEvent = Buffer.from(
  '{"type":"order.created","payload":{"n":[1,2,{"a":"b"}],"s":"\\u0041"},"requestId":"r","sessionId":"s","maxAttempts":3,' +
    '"metadata":{"k":["v",1,null]},"orderingKey":"o","headers":{"x-a":"b"},"scheduledAt":"2026-01-01T00:00:00Z"}',
)
const validEndpoint = Buffer.from(
  '{"url":"http://127.0.0.1:9/","eventTypes":["a.*"],"description":"d","headers":{"x-a":"b"},"retry":{"delays":[1000],' +
    '"maxAttempts":2},"circuit":{"failureThreshold":3},"rateLimit":{"limit":1,"periodMs":1000},"successCodes":[200]}',
)

const validCall = Buffer.from(
  '{"payload":{"candidates":["a","b"],"n":1.0},"context":{"roomId":"r","deep":[{"a":null}]}}',
)
const validManifest = Buffer.from(
  '{"webhooks":{"tax":"http://127.0.0.1:9/","mail":{"url":"http://127.0.0.1:9/m","timeout":1000,"async":true,"retry":' +
    '{"maxAttempts":2,"initialDelay":1},"fallback":{"strategy":"static","data":[1]}},"rates":{"url":"http://127.0.0.1:9/",' +
    '"responseSchema":{"type":"object","properties":{"a":{"type":"number"}}},"cacheTtl":1}},"health":"http://127.0.0.1:9/h"}',
)

/** A body with some bytes changed, taken out or put in. */
const mutated = (valid: Buffer) =>
  fc
    .array(
      fc.record({
        at: fc.nat(valid.length),
        remove: fc.integer({ min: 0, max: 12 }),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 4 }),
          fc
            .constantFrom(
              '\\u0000',
              '\\ud800',
              '1e400',
              '[[',
              '{"a":',
              '"',
              '-',
              'null',
              ',"__proto__":{}',
              '\0',
            )
            .map((text) => Buffer.from(text)),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce<Buffer>(
        (body, { at, remove, insert }) =>
          Buffer.concat([body.subarray(0, at), insert, body.subarray(at + remove)]),
        valid,
      ),
    )

/** JSON values where something else is expected. */
const misplaced = fc.record(
  Object.fromEntries(
    [
      'type',
      'payload',
      'requestId',
      'sessionId',
      'headers',
      'metadata',
      'maxAttempts',
      'scheduledAt',
      'orderingKey',
    ].map((name) => [name, name === 'type' ? fc.oneof(fc.constant('a.b'), fc.jsonValue()) : fc.jsonValue()]),
  ),
  { requiredKeys: [] },
)

const settings = { numRuns: 250 }

describe('bad input never gets a 500', () => {
  it('random bytes, on every route with a body', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
        fc.constantFrom('/api/v1/events', '/api/v1/events/batch', '/api/v1/endpoints'),
        fc.constantFrom('application/json', 'application/x-ndjson', 'text/plain', ''),
        async (bytes, url, type) => expectClear(await send(url, bytes, { 'content-type': type })),
      ),
      settings,
    )
  })

  it('events with some bytes changed, alone and among others', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(validEvent), async (body) => {
        expectClear(await send('/api/v1/events', body))
        expectClear(
          await send('/api/v1/events/batch', Buffer.concat([Buffer.from('['), body, Buffer.from(']')])),
        )
        const lines = Buffer.concat([body, Buffer.from('\n'), validEvent])
        const answer = await send('/api/v1/events/batch', lines, { 'content-type': 'application/x-ndjson' })
        expectClear(answer)
        expect(answer.statusCode).toBe(200)
      }),
      settings,
    )
  })

  it('events with values of every kind everywhere', async () => {
    await fc.assert(
      fc.asyncProperty(misplaced, async (event) =>
        expectClear(await send('/api/v1/events', Buffer.from(JSON.stringify(event)))),
      ),
      settings,
    )
  })

  it('endpoints with some bytes changed, or values of every kind', async () => {
    const made = await send('/api/v1/endpoints', validEndpoint)
    const { id } = made.json() as { id: string }
    const fields = Object.keys(JSON.parse(validEndpoint.toString()) as object)
    const odd = fc
      .record(Object.fromEntries(fields.map((name) => [name, fc.jsonValue()])), { requiredKeys: [] })
      .map((value) => Buffer.from(JSON.stringify(value)))
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated(validEndpoint), odd), async (body) => {
        expectClear(await send('/api/v1/endpoints', body))
        expectClear(await send(`/api/v1/endpoints/${id}`, body, {}, 'PATCH'))
      }),
      settings,
    )
  })

  it('manifests and calls with some bytes changed', async () => {
    const made = await send('/api/v1/apps', Buffer.from('{"name":"fuzzed"}'))
    const { id } = made.json() as { id: string }
    const put = (body: Buffer) => send(`/api/v1/apps/${id}/manifest`, body, {}, 'PUT')
    await fc.assert(
      fc.asyncProperty(mutated(validManifest), async (body) => expectClear(await put(body))),
      settings,
    )
    expect((await put(validManifest)).statusCode).toBe(200)
    await fc.assert(
      fc.asyncProperty(
        mutated(validCall),
        fc.constantFrom('tax', 'mail', 'rates', 'gone', 'No-Name'),
        async (body, name) => expectClear(await send(`/api/v1/apps/${id}/capabilities/${name}/call`, body)),
      ),
      settings,
    )
  })

  it('queries and paths of any text', async () => {
    const path = fc
      .string({ unit: 'binary', maxLength: 20 })
      .map((text) => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '')))
    const name = fc.constantFrom(
      'type',
      'requestId',
      'sessionId',
      'status',
      'since',
      'limit',
      'cursor',
      'endpointId',
      'eventId',
      'room',
      'unread',
      'capability',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('events', 'deliveries', 'endpoints', 'apps', 'approvals', 'notifications', 'calls'),
        fc.array(fc.tuple(name, fc.oneof(path, fc.constantFrom('%', '%ff', '%00', '1e9', '-1'))), {
          maxLength: 3,
        }),
        path,
        async (list, query, id) => {
          const get = (url: string) =>
            service.app.inject({ url, headers: { authorization: `Bearer ${key}` } })
          expectClear(await get(`/api/v1/${list}?${query.map((pair) => pair.join('=')).join('&')}`))
          expectClear(await get(`/api/v1/${list}/${id}`))
        },
      ),
      settings,
    )
  })

  it('headers of any text', async () => {
    const value = fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'idempotency-key',
          'x-request-id',
          'x-posthorn-app',
          'traceparent',
          'content-type',
          'user-agent',
          'tracestate',
        ),
        value,
        async (name, text) =>
          expectClear(
            await send('/api/v1/events', Buffer.from('{"type":"a","payload":1}'), { [name]: text }),
          ),
      ),
      settings,
    )
  })
})

it('still works after all of it', async () => {
  const answer = await send('/api/v1/events', Buffer.from('{"type":"after","payload":1}'))
  expect(answer.statusCode).toBe(202)
})
