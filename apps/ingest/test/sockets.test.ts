import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import { type Client, clientOf } from './support/client.ts'
import { gate } from './support/gate.ts'
import { startService, type TestService } from './support/service.ts'
import { withIntake } from './support/stub.ts'

let service: TestService
let key: string
let client: Client

beforeAll(async () => {
  service = await startService({ config: { TRUST_PROXY: ['loopback'] } })
  key = await service.key('admin')
  client = clientOf(service.url, key)
})
afterAll(() => service.stop())

/** Writes bytes to a socket and reads what comes until the other side ends. */
function raw(url: string, text: string | Buffer, options: { end?: boolean } = {}): Promise<string> {
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(text)
      if (options.end) socket.end()
    })
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer)).on('error', reject)
  })
}

describe('what is hardly a request', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed'],
    [
      'headers without end',
      `GET /livez HTTP/1.1\r\nhost: x\r\nx-a: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'two lengths',
      'POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
      'malformed',
    ],
  ])('%s', async (_name, text, status, code) => {
    const answer = await raw(service.url, text)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain('content-type: application/problem+json')
    const document = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { requestId: string }
    expect(document).toMatchObject({ status, code })
    expect(answer).toContain(`x-request-id: ${document.requestId}`)
  })

  it('a path that is not validly encoded, and one that is no route', async () => {
    expect((await client('/api/v1/events/%E0%A4%A')).problem()).toMatchObject({
      status: 400,
      code: 'malformed',
    })
    for (const path of [
      '/nowhere',
      '/api/v2/events',
      '/api/v1/nothing?token=secret',
      `/${'x'.repeat(5_000)}`,
    ]) {
      const answer = await client(path)
      expect(answer.problem()).toMatchObject({ status: 404, code: 'not_found' })
      expect(answer.problem().requestId).toBe(answer.headers.get('x-request-id'))
    }
    expect((await client('/api/v1/events', { method: 'PUT', json: {} })).status).toBe(404)
  })

  it('a body that ends before its length', async () => {
    const headers = `host: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`
    const answer = await raw(
      service.url,
      `POST /api/v1/events HTTP/1.1\r\n${headers}content-length: 100\r\n\r\n{"type"`,
      { end: true },
    )
    expect(answer).not.toContain(' 500 ')
    expect((await client('/livez')).status).toBe(200)
  })
})

describe('large bodies', () => {
  it('are refused with an answer that arrives, and the connection goes on', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answer = await client('/api/v1/events', { body: Buffer.alloc(8 * 1_048_576, 'x') })
      expect(answer.problem()).toMatchObject({ status: 413, code: 'payload_too_large' })
    }
  })

  it('are refused without a length too', async () => {
    const headers = `host: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`
    const answer = await raw(
      service.url,
      `POST /api/v1/events HTTP/1.1\r\n${headers}transfer-encoding: chunked\r\n\r\n${chunk.repeat(17)}0\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
  })
})

describe('addresses', () => {
  const stored = async (id: string) => {
    const { rows } = await service.database.pool.query(
      'select ip_address::text as ip from posthorn.events where id = $1',
      [id.slice(4)],
    )
    return (rows[0] as { ip: string | null }).ip
  }
  const publish = async (to: Client, forwarded?: string) => {
    const answer = await to('/api/v1/events', {
      json: { type: 'a', payload: 1 },
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    })
    expect(answer.status).toBe(202)
    return stored(answer.json<{ id: string }>().id)
  }

  it('come from proxies that are trusted, and only where they are addresses', async () => {
    expect(await publish(client, '198.51.100.7')).toBe('198.51.100.7/32')
    expect(await publish(client, '203.0.113.9, 198.51.100.7')).toBe('198.51.100.7/32')
    expect(await publish(client, '2001:db8::1')).toBe('2001:db8::1/128')
    expect(await publish(client, 'unknown')).toBeNull()
  })

  it('come from the socket where no proxy is trusted', async () => {
    const app = await createIngest({
      ...service.parts,
      config: { ...service.parts.config, TRUST_PROXY: [] },
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    expect(await publish(clientOf(url, key), '198.51.100.7')).toBe('127.0.0.1/32')
    await app.close()
  })
})

describe('too many at once', () => {
  it('is answered with 429, app by app; who goes away gives its place back', async () => {
    const { promise, open } = gate()
    let started = 0
    let isHeld = true
    const posthorn = withIntake(service.posthorn, {
      publish: async () => {
        started += 1
        if (isHeld) await promise
        return { eventId: 'evt_1', deliveryIds: [], duplicate: false, requestId: 'r' }
      },
    })
    const app = await createIngest({ ...service.parts, posthorn, maxOpenPerApp: 2 })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const publish = (signal?: AbortSignal) =>
      fetch(`${url}/api/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: '{"type":"a","payload":1}',
        ...(signal && { signal }),
      })
    const impatient = new AbortController()
    const left = publish(impatient.signal).catch(() => undefined)
    const first = publish()
    await expect.poll(() => started).toBe(2)
    const refused = await publish()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ code: 'rate_limited' })
    expect((await clientOf(url, key)('/api/v1/events')).status).toBe(200)
    isHeld = false
    impatient.abort()
    await left
    await expect.poll(async () => (await publish()).status).toBe(202)
    open()
    expect((await first).status).toBe(202)
    await app.close()
  })
})

describe('stopping', () => {
  it('says so, finishes what it has, takes nothing new', async () => {
    const { promise, open } = gate()
    let started = 0
    const posthorn = withIntake(service.posthorn, {
      publish: async () => {
        started += 1
        await promise
        return { eventId: 'evt_1', deliveryIds: [], duplicate: false, requestId: 'r' }
      },
    })
    const app = await createIngest({ ...service.parts, posthorn })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const local = clientOf(url, key)
    const inFlight = Array.from({ length: 5 }, () =>
      local('/api/v1/events', { json: { type: 'a', payload: 1 } }),
    )
    await expect.poll(() => started).toBe(5)

    app.drain()
    const ready = await local('/readyz')
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close'])
    expect(ready.json()).toMatchObject({ ready: false, problems: ['the service is stopping'] })
    expect((await local('/health')).json()).toMatchObject({
      status: 'unhealthy',
      checks: { database: 'healthy', webhooks: 'stopping' },
    })
    expect((await local('/api/v1/events')).status).toBe(200)

    const closed = app.close()
    await expect
      .poll(() =>
        local('/livez').then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed')
    open()
    for (const answer of await Promise.all(inFlight)) expect(answer.status).toBe(202)
    await closed
  })
})
