import {
  ConflictError,
  err,
  IdempotencyError,
  NotFoundError,
  ok,
  PayloadTooLargeError,
  PosthornError,
  UnavailableError,
  ValidationError,
} from '@posthorn/core'
import { generateEncryptionKey } from '@posthorn/db'
import { createPosthorn } from '@posthorn/engine'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import { clientOf } from './support/client.ts'
import { startProxy } from './support/proxy.ts'
import { startService, type TestService } from './support/service.ts'
import { withIntake } from './support/stub.ts'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

describe('what the engine throws', () => {
  const secret = 'postgres://user:hunter2@db payload-text'
  const queryError = Object.assign(new Error(`Failed query: insert … params: ${secret}`), {
    params: [secret],
  })

  it.each<[string, unknown, number, string, string | null]>([
    ['ValidationError', new ValidationError([{ path: 'type', message: 'is odd' }]), 422, 'validation', null],
    ['NotFoundError', new NotFoundError('There is no such event.'), 404, 'not_found', null],
    ['ConflictError', new ConflictError('It is over.'), 409, 'conflict', null],
    [
      'ConflictError in flight',
      new ConflictError('Still in flight.', { isRetryable: true }),
      409,
      'conflict',
      '1',
    ],
    ['IdempotencyError', new IdempotencyError('Used before.'), 422, 'idempotency_mismatch', null],
    ['UnavailableError', new UnavailableError('Not now.'), 503, 'unavailable', '1'],
    ['PayloadTooLargeError', new PayloadTooLargeError('Too large.'), 413, 'payload_too_large', null],
    ['another PosthornError', new PosthornError('secret_unreadable', secret), 500, 'internal', null],
    [
      'a refused connection',
      Object.assign(new Error(secret), { code: 'ECONNREFUSED' }),
      503,
      'unavailable',
      '1',
    ],
    [
      'a failed query with a lost connection',
      Object.assign(new Error(secret, { cause: new Error('Connection terminated unexpectedly') }), {
        params: [],
      }),
      503,
      'unavailable',
      '1',
    ],
    ['a server that goes down', Object.assign(new Error(secret), { code: '57P01' }), 503, 'unavailable', '1'],
    [
      'data that PostgreSQL refuses',
      Object.assign(new Error(secret), { code: '22021' }),
      422,
      'validation',
      null,
    ],
    ['a failed query', queryError, 500, 'internal', null],
    ['a TypeError', new TypeError(secret), 500, 'internal', null],
    ['no error at all', 'a string', 500, 'internal', null],
  ])('%s', async (_name, error, status, code, retryAfter) => {
    const lines: string[] = []
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const posthorn = withIntake(service.posthorn, { publish: () => Promise.reject(error) })
    const app = await createIngest({ ...service.parts, posthorn, logger })
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/events',
      headers: { authorization: `Bearer ${await service.key('ingest')}`, 'x-request-id': 'find-me' },
      payload: { type: 'a', payload: 'payload-text' },
    })
    await app.close()
    expect(answer.statusCode).toBe(status)
    expect(answer.json()).toMatchObject({ status, code, requestId: 'find-me' })
    expect(answer.headers['retry-after'] ?? null).toBe(retryAfter)
    expect(answer.payload).not.toContain('hunter2')
    expect(lines.join('')).not.toMatch(/payload-text.*params|params.*payload-text/)
    const logged = lines.map((line) => JSON.parse(line) as { level: number; msg: string; requestId: string })
    const failures = logged.filter((line) => line.msg === 'request failed')
    expect(failures).toHaveLength(status >= 500 ? 1 : 0)
    for (const line of logged) expect(line.requestId).toBe('find-me')
  })

  it('in a batch: 503 only when nothing at all is on disk', async () => {
    const unavailable = err(new UnavailableError('Not now.'))
    const good = ok({ eventId: 'evt_1', deliveryIds: [], duplicate: false, requestId: 'r' })
    const send = async (results: (typeof unavailable | typeof good)[]) => {
      const posthorn = withIntake(service.posthorn, { publishMany: async () => results })
      const app = await createIngest({ ...service.parts, posthorn })
      const answer = await app.inject({
        method: 'POST',
        url: '/api/v1/events/batch',
        headers: { authorization: `Bearer ${await service.key('ingest')}` },
        payload: [{ type: 'a', payload: 1 }, { type: 'a', payload: 2 }, { type: 'a' }],
      })
      await app.close()
      return answer
    }
    const none = await send([unavailable, unavailable])
    expect([none.statusCode, none.headers['retry-after']]).toEqual([503, '1'])
    const some = await send([unavailable, good])
    expect(some.statusCode).toBe(200)
    expect(some.json().results.map((result: { status: unknown }) => result.status)).toEqual([
      503,
      'accepted',
      422,
    ])
  })
})

describe('a database that goes away', () => {
  it('is answered with 503 until it is back; what was answered 202 is there', async () => {
    await using proxy = await startProxy(service.database.url)
    const posthorn = createPosthorn({ connectionString: proxy.url, encryptionKeys: generateEncryptionKey() })
    const app = await createIngest({ ...service.parts, posthorn })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const client = clientOf(url, await service.key('admin'))
    let sent = 0
    const accepted: string[] = []
    const publish = async () => {
      sent += 1
      const requestId = `cut-${sent}`
      const answer = await client('/api/v1/events', { json: { type: 'cut', payload: sent, requestId } })
      if (answer.status === 202) accepted.push(requestId)
      return answer
    }

    expect((await publish()).status).toBe(202)
    expect((await client('/readyz')).status).toBe(200)
    const load = Array.from({ length: 50 }, publish)
    await proxy.cut()
    for (const answer of await Promise.all(load)) expect([202, 503]).toContain(answer.status)

    const down = await publish()
    expect(down.problem()).toMatchObject({ status: 503, code: 'unavailable' })
    expect(down.headers.get('retry-after')).toBe('1')
    const unknownKey = await clientOf(url, await service.key('read'))('/api/v1/events')
    expect(unknownKey.status).toBe(503)
    await expect.poll(async () => (await client('/readyz')).status, { timeout: 15_000 }).toBe(503)
    expect((await client('/health')).json()).toMatchObject({
      status: 'unhealthy',
      checks: { database: 'unhealthy', webhooks: 'unavailable' },
    })
    expect((await client('/livez')).status).toBe(200)

    await proxy.restore()
    await expect.poll(async () => (await publish()).status, { timeout: 15_000 }).toBe(202)
    await expect.poll(async () => (await client('/readyz')).status, { timeout: 15_000 }).toBe(200)
    const { rows } = await service.database.pool.query<{ request_id: string }>(
      `select request_id from posthorn.events where event_type = 'cut'`,
    )
    const stored = new Set(rows.map((row) => row.request_id))
    expect(accepted.filter((requestId) => !stored.has(requestId))).toEqual([])
    await app.close()
    await posthorn.stop({ graceMs: 100 })
  })
})
