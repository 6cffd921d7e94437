import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { verifyCall } from '@posthorn/dispatcher/signing'
import { createPosthorn } from '@posthorn/engine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callDetailSchema, callResultSchema, callSchema } from '../src/calls/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { makeCallable, putManifest } from './support/manifest.ts'
import { type Receiver, startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }

let service: TestService
let admin: Client
/** answers `{"correct":true}` */
let healthy: Receiver
/** accepts, and never answers */
let hanging: Receiver

const answering = (status: number, body: string) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

beforeAll(async () => {
  service = await startService({
    env: {
      WEBHOOK_TIMEOUT_DEFAULT: '1000',
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: '2',
      WEBHOOK_RETRY_INITIAL_DELAY: '50',
    },
  })
  admin = clientOf(service.url, await service.key('admin'))
  healthy = await startReceiver(answering(200, '{"correct":true}'))
  hanging = await startReceiver(() => undefined)
})
afterAll(async () => {
  await healthy[Symbol.asyncDispose]()
  await hanging[Symbol.asyncDispose]()
  await service.stop()
})

const pathOf = (appId: string, capability: string) => `/api/v1/apps/${appId}/capabilities/${capability}/call`
const call = async (appId: string, capability: string, json: object = { payload: {} }) => {
  const answer = await admin(pathOf(appId, capability), { json })
  expect(answer.status, answer.text).toBe(200)
  return callResultSchema.parse(answer.json())
}
/** A call once it is on record. */
const recorded = async (callId: string) => {
  await expect.poll(async () => (await admin(`/api/v1/calls/${callId}`)).status, PATIENCE).toBe(200)
  return callDetailSchema.parse((await admin(`/api/v1/calls/${callId}`)).json())
}
const isSignedBy = ({ headers, body }: Receiver['received'][number], secret: string) =>
  verifyCall(String(headers['x-platform-signature']), {
    secret,
    body,
    requestId: String(headers['x-request-id']),
  })
/** A port that nobody listens on. */
async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}/`
}

describe('a call', () => {
  it('is answered by the app, which gets the payload byte for byte, and is told whose it is', async () => {
    const { id, secret } = await makeCallable(admin, { quiz_answer: healthy.url })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const before = healthy.received.length
    const answer = await admin(pathOf(id, 'quiz_answer'), {
      body: '{"context":{"roomId":"r"}, "payload": {"n": 1.0, "big":12345678901234567890,"a":"\\u0041"} }',
      headers: { 'x-request-id': 'ask-1', traceparent },
    })
    const result = callResultSchema.parse(answer.json())
    expect(result).toMatchObject({
      outcome: 'ok',
      source: 'app',
      data: { correct: true },
      requestId: 'ask-1',
      attempts: 1,
    })
    const received = healthy.received[before]
    expect(received?.body).toBe('{"n": 1.0, "big":12345678901234567890,"a":"\\u0041"}')
    expect(received?.headers).toMatchObject({
      'x-request-id': 'ask-1',
      'webhook-id': result.callId,
      'x-event-type': 'quiz_answer',
    })
    expect(received?.headers.traceparent).toContain('0af7651916cd43dd8448eb211c80319c')
    expect(received && isSignedBy(received, secret)).toBe(true)
  })

  it('leaves a row, an attempt and figures, a moment later', async () => {
    const { id, uuid } = await makeCallable(admin, { quiz_answer: healthy.url })
    const { callId, requestId } = await call(id, 'quiz_answer')
    expect(await recorded(callId)).toMatchObject({
      id: callId,
      appId: id,
      requestId,
      capability: 'quiz_answer',
      outcome: 'ok',
      source: 'app',
      fallback: null,
      reason: null,
      attemptCount: 1,
      attempts: [{ number: 1, success: true, statusCode: 200, failure: null }],
    })
    const { rows } = await service.database.pool.query(
      `select s.attempts::int, s.successes::int from posthorn.attempt_stats s
         join posthorn.endpoints e on e.id = s.endpoint_id where e.app_id = $1`,
      [uuid],
    )
    expect(rows).toEqual([{ attempts: 1, successes: 1 }])
    const listed = await admin(`/api/v1/apps/${id}/calls?capability=quiz_answer&outcome=ok`)
    expect(
      pageOf(callSchema)
        .parse(listed.json())
        .data.map((each) => each.id),
    ).toEqual([callId])
    const none = await admin(`/api/v1/apps/${id}/calls?outcome=fallback`)
    expect(none.json()).toMatchObject({ data: [] })
    expect((await admin(`/api/v1/apps/${id}/calls?outcome=good`)).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'outcome' }],
    })
  })

  it('to an app that never answers has its fallback when its time is up', async () => {
    const { id } = await makeCallable(admin, {
      quiz_answer: { url: hanging.url, timeout: 1_000, fallback: { strategy: 'static', data: { later: 1 } } },
    })
    const result = await call(id, 'quiz_answer', { payload: 1, context: { roomId: 'slow room' } })
    expect(result).toMatchObject({
      outcome: 'fallback',
      source: 'static',
      reason: 'timeout',
      data: { later: 1 },
      attempts: 1,
    })
    expect(await recorded(result.callId)).toMatchObject({
      outcome: 'fallback',
      fallback: 'static',
      reason: 'timeout',
      attempts: [{ success: false, failure: 'timeout' }],
    })
  })

  it('draws a winner from the candidates of the payload', async () => {
    const { id } = await makeCallable(admin, { winner_selection: await deadUrl() })
    const result = await call(id, 'winner_selection', { payload: { candidates: ['Ada', 'Grace'] } })
    expect(result).toMatchObject({ outcome: 'fallback', source: 'random-winner', reason: 'connection' })
    expect(['Ada', 'Grace']).toContain((result.data as { winner: string }).winner)
    expect((await recorded(result.callId)).audit).toMatchObject({ seed: expect.any(String) })
  })

  it('finds its circuit open after failures in a row, and the app is left in peace', async () => {
    await using broken = await startReceiver(answering(500, '{}'))
    const { id } = await makeCallable(admin, { quiz_answer: broken.url })
    for (let made = 0; made < 2; made++)
      expect(await call(id, 'quiz_answer')).toMatchObject({ reason: 'http_5xx' })
    await expect.poll(async () => (await call(id, 'quiz_answer')).reason, PATIENCE).toBe('circuit_open')
    const asked = broken.received.length
    const refused = await call(id, 'quiz_answer')
    expect(refused).toMatchObject({ outcome: 'fallback', reason: 'circuit_open', attempts: 0, data: null })
    expect(broken.received.length).toBe(asked)
    expect(await recorded(refused.callId)).toMatchObject({ reason: 'circuit_open', attempts: [] })
  })

  it('keeps the last good answer, for other processes too', async () => {
    let isWell = true
    await using app = await startReceiver((response) =>
      isWell ? answering(200, '{"rate":7}')(response) : answering(503, '{}')(response),
    )
    const { id } = await makeCallable(admin, { rates: { url: app.url, fallback: 'last-good' } })
    expect(await call(id, 'rates')).toMatchObject({ outcome: 'ok' })
    const kept = async () =>
      (await service.database.pool.query('select 1 from posthorn.kept_answers')).rowCount
    await expect.poll(kept, PATIENCE).toBe(1)
    isWell = false
    expect(await call(id, 'rates')).toMatchObject({
      outcome: 'fallback',
      source: 'last-good',
      data: { rate: 7 },
      ageMs: expect.any(Number),
    })
  })

  it('goes by the manifest as soon as it is put, and signs under both secrets while one is replaced', async () => {
    const { id, secret } = await makeCallable(admin, { quiz_answer: hanging.url })
    await putManifest(admin, id, { quiz_answer: healthy.url })
    const rotated = await admin(`/api/v1/apps/${id}/rotate-secret`, { json: { graceMs: 60_000 } })
    const fresh = rotated.json<{ secret: string }>().secret
    const before = healthy.received.length
    expect(await call(id, 'quiz_answer')).toMatchObject({ outcome: 'ok' })
    const received = healthy.received[before]
    for (const each of [secret, fresh]) expect(received && isSignedBy(received, each)).toBe(true)
  })

  it('may go to an endpoint that was made through the API with the name of a capability', async () => {
    const { id } = await makeCallable(admin)
    const headers = { 'x-posthorn-app': id }
    const json = { url: healthy.url, capability: 'tax' }
    expect((await admin('/api/v1/endpoints', { json, headers })).status).toBe(201)
    expect(await call(id, 'tax')).toMatchObject({ outcome: 'ok', data: { correct: true } })
  })
})

describe('a call without a fallback', () => {
  const none = (url: string) => ({ quiz_answer: { url, timeout: 1_000, fallback: 'none' } })

  it('is answered 504, 502 or 503, by what went wrong', async () => {
    await using broken = await startReceiver(answering(500, '{}'))
    for (const [url, status, code, reason] of [
      [hanging.url, 504, 'timeout', 'timeout'],
      [broken.url, 502, 'call_failed', 'http_5xx'],
      [await deadUrl(), 502, 'call_failed', 'connection'],
    ] as const) {
      const { id } = await makeCallable(admin, none(url))
      const problem = (await admin(pathOf(id, 'quiz_answer'), { json: { payload: 1 } })).problem()
      expect(problem).toMatchObject({ status, code, call: { reason, id: expect.stringMatching(/^call_/) } })
      expect(await recorded(problem.call?.id ?? '')).toMatchObject({
        outcome: 'failed',
        reason,
        source: null,
      })
    }
    const { id } = await makeCallable(admin, none(healthy.url))
    await admin(`/api/v1/admin/circuit-breaker/${id}/quiz_answer`, { json: { state: 'forced_open' } })
    const refused = (await admin(pathOf(id, 'quiz_answer'), { json: { payload: 1 } })).problem()
    expect(refused).toMatchObject({ status: 503, code: 'circuit_open', call: { attempts: 0 } })
  })
})

describe('a call that makes no sense', () => {
  it.each<[string, string, string[]]>([
    ['no body', '', []],
    ['no object', '[]', ['']],
    ['no payload', '{}', ['payload']],
    ['an unknown field', '{"payload":1,"fallback":"none"}', ['fallback']],
    ['two payloads', '{"payload":1,"payload":2}', ['payload']],
    ['a context that is none', '{"payload":1,"context":[]}', ['context']],
    ['NUL in the context', '{"payload":1,"context":{"roomId":"a\\u0000"}}', ['context.roomId']],
    ['a room that is no text', '{"payload":1,"context":{"roomId":7}}', ['context.roomId']],
    ['a room without a name', '{"payload":1,"context":{"roomId":""}}', ['context.roomId']],
    [
      'a room that nobody could ask for',
      `{"payload":1,"context":{"roomId":"${'r'.repeat(501)}"}}`,
      ['context.roomId'],
    ],
    [
      'a context nested deeply',
      `{"payload":1,"context":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`,
      [`context.a${'[0]'.repeat(31)}`],
    ],
    ['a huge context', `{"payload":1,"context":{"a":"${'x'.repeat(9_000)}"}}`, ['context']],
  ])('is refused for %s', async (_name, body, paths) => {
    const { id } = await makeCallable(admin, { quiz_answer: healthy.url })
    const before = healthy.received.length
    const problem = (await admin(pathOf(id, 'quiz_answer'), { method: 'POST', body })).problem()
    expect(problem.status).toBe(body === '' ? 400 : 422)
    expect(problem.errors?.map(({ path }) => path) ?? []).toEqual(paths)
    expect(healthy.received.length).toBe(before)
  })

  it('is refused for a name that is none, a capability and an app that there is not', async () => {
    const { id } = await makeCallable(admin, { quiz_answer: healthy.url })
    const json = { payload: 1 }
    expect((await admin(pathOf(id, 'Quiz-Answer'), { json })).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'capability' }],
    })
    expect((await admin(pathOf(id, 'tax'), { json })).problem()).toMatchObject({
      status: 404,
      detail: 'The app offers no capability of this name.',
    })
    const nobody = 'app_00000000000070008000000000009999'
    expect((await admin(pathOf(nobody, 'tax'), { json })).problem()).toMatchObject({ status: 404 })
    const dotted = { json, headers: { 'x-request-id': 'a.b' } }
    expect((await admin(pathOf(id, 'quiz_answer'), dotted)).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'x-request-id' }],
    })
  })

  it('is refused where it is too large', async () => {
    const { id } = await makeCallable(admin, { quiz_answer: healthy.url })
    const json = { payload: 'x'.repeat(1_048_576) }
    expect((await admin(pathOf(id, 'quiz_answer'), { json })).problem()).toMatchObject({ status: 413 })
  })
})

describe('a caller that goes away', () => {
  it('ends its call, which is on record as abandoned and says nothing against the app', async () => {
    const { id } = await makeCallable(admin, { quiz_answer: { url: hanging.url, timeout: 30_000 } })
    const before = hanging.received.length
    const impatient = new AbortController()
    const lost = fetch(service.url + pathOf(id, 'quiz_answer'), {
      method: 'POST',
      headers: { authorization: `Bearer ${await service.key('ingest')}`, 'content-type': 'application/json' },
      body: '{"payload":1}',
      signal: impatient.signal,
    })
    await expect.poll(() => hanging.received.length, PATIENCE).toBe(before + 1)
    impatient.abort()
    await expect(lost).rejects.toThrow()
    const abandoned = async () =>
      (await admin(`/api/v1/apps/${id}/calls?outcome=abandoned`)).json<{ data: object[] }>().data
    await expect.poll(abandoned, PATIENCE).toHaveLength(1)
    const circuit = await admin(`/api/v1/admin/circuit-breaker/${id}/quiz_answer`)
    expect(circuit.json()).toMatchObject({ state: 'closed', consecutiveFailures: 0 })
  })
})

describe('an asynchronous capability', () => {
  it('is queued, and delivered by a worker with its signature and the number of each try', async () => {
    let tries = 0
    await using app = await startReceiver((response) => {
      tries += 1
      answering(tries === 1 ? 503 : 200, '{}')(response)
    })
    const { id, secret } = await makeCallable(admin, {
      mail: { url: app.url, async: true, retry: { maxAttempts: 3, initialDelay: 50 } },
    })
    const result = await call(id, 'mail', { payload: { to: 1 }, context: { roomId: 'r' } })
    expect(result).toMatchObject({
      outcome: 'queued',
      source: 'queue',
      data: { deliveryId: expect.stringMatching(/^dlv_/) },
    })
    const { deliveryId } = result.data as { deliveryId: string }
    const { config } = service.parts
    await using worker = createPosthorn({
      connectionString: config.DATABASE_URL,
      encryptionKeys: config.POSTHORN_ENCRYPTION_KEYS,
      allowedCidrs: config.POSTHORN_ALLOWED_CIDRS,
    })
    await worker.start()
    const delivery = async () =>
      (await admin(`/api/v1/deliveries/${deliveryId}`, { headers: { 'x-posthorn-app': id } })).json()
    await expect.poll(async () => (await delivery())['status'], PATIENCE).toBe('delivered')
    expect(await delivery()).toMatchObject({
      attemptCount: 2,
      maxAttempts: 3,
      metadata: { callId: result.callId, context: { roomId: 'r' } },
    })
    expect(app.received.map(({ body }) => body)).toEqual(['{"to":1}', '{"to":1}'])
    for (const [at, received] of app.received.entries()) {
      expect(received.headers).toMatchObject({
        'x-request-id': result.requestId,
        'x-max-attempts': '3',
        'x-retry-attempt': String(at + 1),
        'webhook-id': deliveryId,
        'x-event-type': 'mail',
      })
      expect(isSignedBy(received, secret)).toBe(true)
    }
    expect(await recorded(result.callId)).toMatchObject({ outcome: 'queued', attempts: [] })
  })
})
