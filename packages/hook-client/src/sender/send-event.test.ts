import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseTraceparent } from '@posthorn/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DedupingServer } from '../../test/support/deduping-server.ts'
import { eventMaker } from '../../test/support/events.ts'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { judge } from './judge.ts'
import { createEventSender, type SendRequest } from './send-event.ts'

const newEvent = eventMaker(new FakeClock())
const sender = createEventSender()
const server = new DedupingServer()
let request: SendRequest

beforeAll(async () => {
  await server.start()
  const report = JSON.stringify({ id: 'x', dropped: 0, backlog: 1 })
  request = { url: server.url, apiKey: 'phk_a_b', timeoutMs: 5_000, attempt: 2, report }
})
afterEach(() => {
  server.behaviour = () => 200
})
afterAll(async () => {
  sender.close()
  await server.stop()
})

it('carries what the server needs to know', async () => {
  const event = newEvent('s1', { hook_event_name: 'Stop', text: 'ü' })
  let headers: Record<string, unknown> = {}
  let path = ''
  server.behaviour = (incoming) => {
    headers = incoming.headers
    path = incoming.url ?? ''
    return 200
  }
  const outcome = await sender.send(event, request)
  expect(outcome).toMatchObject({ ok: true, status: 200, duplicate: false, response: { success: true } })
  expect(path).toBe('/api/v1/hooks/claude-code')
  expect(headers).toMatchObject({
    authorization: 'Bearer phk_a_b',
    'content-type': 'application/json',
    'x-request-id': event.requestId,
    'x-captured-at': event.capturedAt,
    'x-retry-attempt': '2',
    'user-agent': expect.stringMatching(/^posthorn-hook\/\d/),
    'x-posthorn-hook-client': request.report,
  })
  expect(parseTraceparent(String(headers['traceparent']))).toMatchObject({ traceId: event.traceId })
  expect(server.taken.at(-1)?.body).toEqual({ hook_event_name: 'Stop', text: 'ü' })
  expect(await sender.send(event, request)).toMatchObject({ ok: true, duplicate: true })
})

describe('an outcome', () => {
  it.each([
    [202, 'sent'],
    [301, 'hold'],
    [400, 'reject'],
    [401, 'hold'],
    [403, 'hold'],
    [404, 'hold'],
    [408, 'retry'],
    [409, 'retry'],
    [413, 'shrink'],
    [422, 'reject'],
    [425, 'retry'],
    [429, 'hold'],
    [500, 'retry'],
    [503, 'hold'],
    [504, 'retry'],
  ])('%i means: %s', async (status, kind) => {
    server.behaviour = () => status
    const outcome = await sender.send(newEvent(), request)
    expect(judge(outcome).kind).toBe(kind)
    if (!outcome.ok) expect(outcome).toMatchObject({ status, code: 'test', message: 'Test' })
  })

  it('of a server that does not answer is a timeout', async () => {
    server.behaviour = () => 'hang'
    const outcome = await sender.send(newEvent(), { ...request, timeoutMs: 100 })
    expect(outcome).toMatchObject({ ok: false, failure: 'timeout', code: 'ETIMEDOUT' })
    expect(judge(outcome).kind).toBe('retry')
  })

  it('of a broken connection, and of none, is the server’s', async () => {
    server.behaviour = () => 'reset'
    const broken = await sender.send(newEvent(), request)
    expect(broken).toMatchObject({ ok: false, failure: 'connection', code: 'ECONNRESET' })
    const none = await sender.send(newEvent(), { ...request, url: 'http://127.0.0.1:1/' })
    expect(none).toMatchObject({ ok: false, failure: 'connection', code: 'ECONNREFUSED' })
    expect(judge(none)).toEqual({ kind: 'hold', hold: 'unreachable' })
  })

  it('of a name that nobody knows is the server’s', async () => {
    const outcome = await sender.send(newEvent(), { ...request, url: 'http://nowhere.invalid/' })
    expect(outcome).toMatchObject({ ok: false, failure: 'dns' })
  })

  it('of what was stopped is no failure of anybody', async () => {
    const controller = new AbortController()
    server.behaviour = () => {
      controller.abort()
      return 'hang'
    }
    const outcome = await sender.send(newEvent(), { ...request, signal: controller.signal })
    expect(judge(outcome)).toEqual({ kind: 'stopped' })
  })

  it.each([
    ['text/html', '<html>Sign in</html>'],
    ['Text/HTML; charset=utf-8', '<html>Sign in</html>'],
    ['application/xhtml+xml', '<html/>'],
    [undefined, '<html>Sign in</html>'],
    ['application/json', '{}'],
    ['application/json', '[]'],
    ['application/json', '{"ok":true}'],
    ['application/json', '{"success":true,"requestId":"another"}'],
    ['application/json', '{"webhookEventId":""}'],
    ['application/json', '{"webhookEventId":"evt_1"'],
  ])('of another server is no arrival, though its status is 200: %s %s', async (type, body) => {
    await using other = await answering((response) => {
      response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body)
    })
    const outcome = await sender.send(newEvent(), { ...request, url: other.url })
    expect(outcome).toMatchObject({ ok: false, failure: 'invalid_response', status: 200 })
    expect(judge(outcome)).toEqual({ kind: 'hold', hold: 'refused' })
  })

  it('without a body is no arrival', async () => {
    await using other = await answering((response) => response.writeHead(204).end())
    const outcome = await sender.send(newEvent(), { ...request, url: other.url })
    expect(judge(outcome)).toEqual({ kind: 'hold', hold: 'refused' })
  })

  it('that names what became of the event is an arrival', async () => {
    await using other = await answering((response) => response.end('{"webhookEventId":"evt_1"}'))
    expect(await sender.send(newEvent(), { ...request, url: other.url })).toMatchObject({ ok: true })
  })

  it.each([
    [
      422,
      JSON.stringify({ code: 'no_phk_a_b', title: 'No', detail: 'Bearer phk_a_b', errors: { phk_a_b: 1 } }),
    ],
    [400, '{"code":"x","title":"phk\\u005fa_b"}'],
    [500, `not JSON: phk_a_b ${'x'.repeat(100)}`],
  ])('of a server that repeats the key does not: %i %.20s', async (status, body) => {
    await using echo = await answering((response) => response.writeHead(status).end(body))
    const outcome = await sender.send(newEvent(), { ...request, url: echo.url })
    expect(outcome).toMatchObject({ ok: false, status })
    expect(JSON.stringify(outcome)).not.toContain('phk_a_b')
    expect(JSON.stringify(outcome)).toContain('[REDACTED]')
  })

  it('is found however much the server sends', async () => {
    await using flood = await answering((response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', more)
      }
      more()
    })
    const outcome = await sender.send(newEvent(), { ...request, url: flood.url })
    expect(outcome).toMatchObject({ ok: false, failure: 'invalid_response', status: 200 })
  })
})

it('uses a connection again, and survives that the server has closed it', async () => {
  const restarting = await new DedupingServer().start()
  const again = { ...request, url: restarting.url }
  expect(await sender.send(newEvent(), again)).toMatchObject({ ok: true })
  await restarting.stop()
  await restarting.start()
  expect(await sender.send(newEvent(), again)).toMatchObject({ ok: true })
  await restarting.stop()
})

/** A server that answers everything in one way. */
async function answering(answer: (response: ServerResponse) => void) {
  const other = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(other.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      other.closeAllConnections()
      await new Promise((resolve) => other.close(resolve))
    },
  }
}
