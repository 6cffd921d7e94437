import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REDACTED_PATHS } from '../src/http/request-log.ts'
import { clientOf } from './support/client.ts'
import { startService, type TestService } from './support/service.ts'

const lines: string[] = []
let service: TestService
let key: string

beforeAll(async () => {
  const logger = pino({ redact: REDACTED_PATHS }, { write: (line: string) => void lines.push(line) })
  service = await startService({ logger })
  key = await service.key('admin')
})
afterAll(() => service.stop())

interface Line {
  requestId?: string
  eventRequestId?: string
  msg: string
  route?: string
  status?: number
  durationMs?: number
  app?: string
  key?: string
}
const linesOf = (requestId: string) =>
  lines.map((line) => JSON.parse(line) as Line).filter((line) => line.requestId === requestId)

describe('the log', () => {
  it('has one line for each request, with what finds it again', async () => {
    const client = clientOf(service.url, key)
    await client('/api/v1/events', { json: { type: 'a', payload: 1 }, headers: { 'x-request-id': 'one' } })
    await client('/api/v1/endpoints/ep_0?token=s3cret', { headers: { 'x-request-id': 'two' } })
    await client('/nowhere?token=s3cret', { headers: { 'x-request-id': 'three' } })
    await expect.poll(() => linesOf('three')).toHaveLength(1)
    const [published] = linesOf('one')
    expect(published).toMatchObject({
      msg: 'request',
      route: '/api/v1/events',
      status: 202,
      durationMs: expect.any(Number),
      app: '00000000-0000-7000-8000-000000000001',
      key: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(linesOf('one')).toHaveLength(1)
    expect(linesOf('two')).toMatchObject([{ route: '/api/v1/endpoints/:id', status: 404 }])
    expect(linesOf('three')).toMatchObject([{ route: 'unmatched', status: 404 }])
  })

  it('knows an event by the id that its sender gave it, and so does the answer', async () => {
    const client = clientOf(service.url, key)
    const answer = await client('/api/v1/events', { json: { type: 'a', payload: 1, requestId: 'order-7' } })
    expect(answer.headers.get('x-request-id')).toBe('order-7')
    const both = await client('/api/v1/events', {
      json: { type: 'a', payload: 1, requestId: 'order-8' },
      headers: { 'x-request-id': 'mine' },
    })
    expect(both.headers.get('x-request-id')).toBe('mine')
    await expect.poll(() => linesOf('mine')).toMatchObject([{ eventRequestId: 'order-8' }])
    expect(lines.some((line) => (JSON.parse(line) as Line).eventRequestId === 'order-7')).toBe(true)
  })

  it('has the requests whose caller went away', async () => {
    const head =
      `POST /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\nx-request-id: gone\r\n` +
      'content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n'
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write(head))
    const [first] = await once(socket, 'data')
    expect(String(first)).toContain('100 Continue')
    socket.write('{"type":')
    socket.destroy()
    await expect.poll(() => linesOf('gone').map((line) => line.status)).toEqual([499])
  })

  it('never holds a payload, a key, a secret or a credential of a URL', async () => {
    const client = clientOf(service.url, key)
    const made = await client('/api/v1/endpoints', {
      json: {
        url: 'http://127.0.0.1:9/hook?token=url-credential',
        headers: { authorization: 'Bearer header-credential' },
      },
    })
    const { id, secret } = made.json<{ id: string; secret: string }>()
    await client(`/api/v1/endpoints/${id}/test`, { method: 'POST' })
    await client(`/api/v1/endpoints/${id}/rotate-secret`, { method: 'POST' })
    await client('/api/v1/events', {
      json: { type: 'a', payload: 'payload-content', metadata: { a: 'metadata-content' } },
    })
    await client('/api/v1/events', { body: '{"type":"a","payload":"payload-content"' })
    await client('/api/v1/events', {
      json: { typ: 'payload-content' },
      headers: { cookie: 'cookie-content', 'x-request-id': 'last' },
    })
    await expect.poll(() => linesOf('last')).toHaveLength(1)
    const log = lines.join('')
    for (const word of [
      key,
      secret,
      'url-credential',
      'header-credential',
      'payload-content',
      'metadata-content',
      'cookie-content',
    ]) {
      expect(log).not.toContain(word)
    }
  })
})
