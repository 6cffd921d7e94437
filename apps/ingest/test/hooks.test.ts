import { uuidv7 } from '@posthorn/core'
import { DEFAULT_APP_ID } from '@posthorn/db'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import { type Answer, type Client, clientOf } from './support/client.ts'
import { makeApp, startService, type TestService } from './support/service.ts'

const OTHER = '00000000-0000-7000-8000-0000000000c1'
const ROUTES = ['/api/v1/hooks/claude-code', '/api/claude-hooks'] as const
const [HOOKS] = ROUTES

let service: TestService
let sender: Client
let reader: Client
let operator: Client

beforeAll(async () => {
  service = await startService()
  await makeApp(service.database, OTHER)
  sender = clientOf(service.url, await service.key('ingest'))
  reader = clientOf(service.url, await service.key('read'))
  operator = clientOf(service.url, await service.key('operator'))
})
afterAll(() => service.stop())

const prompt = (sessionId: string, text = 'Mend the gate') => ({
  hook_event_name: 'UserPromptSubmit',
  session_id: sessionId,
  cwd: '/srv/garden',
  prompt: text,
})

interface Taken {
  success: boolean
  requestId: string
  webhookEventId: string
  status: string
  duplicate: boolean
  data: { conversationId: string | null; messageId?: string; toolUseId?: string }
  error?: { code: string; message: string; stack?: string }
}

const send = (json: unknown, headers: Record<string, string> = {}, by = sender): Promise<Answer> =>
  by(HOOKS, { json, headers: { 'x-request-id': uuidv7(), ...headers } })

async function stored(id: string) {
  const { rows } = await service.database.pool.query(
    'select *, host(ip_address) as ip from posthorn.events where id = $1',
    [canonical(id)],
  )
  return rows[0] as Record<string, unknown>
}
const canonical = (id: string) => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
const countOf = async (what: string, values: unknown[] = []) => {
  const { rows } = await service.database.pool.query<{ n: number }>(
    `select count(*)::int as n from ${what}`,
    values,
  )
  return rows[0]?.n
}

describe('an event of a hook', () => {
  it.each(ROUTES)('is kept and projected before it is answered, at %s', async (route) => {
    const [requestId, sessionId] = [uuidv7(), uuidv7()]
    const answer = await sender(route, {
      json: prompt(sessionId),
      headers: {
        'x-request-id': requestId,
        'x-captured-at': '2026-05-06T07:08:09.123Z',
        'x-retry-attempt': '2',
        'user-agent': 'posthorn-hook/1.0.0',
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        cookie: 'session=secret',
      },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-request-id')).toBe(requestId)
    const taken = answer.json<Taken>()
    expect(taken).toEqual({
      success: true,
      requestId,
      webhookEventId: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      status: 'SUCCESS',
      duplicate: false,
      data: {
        conversationId: expect.stringMatching(/^conv_/),
        messageId: expect.stringMatching(/^msg_/),
      },
    })
    const row = await stored(taken.webhookEventId)
    expect(row).toMatchObject({
      source: 'claude-code',
      event_type: 'claude-code.UserPromptSubmit',
      session_id: sessionId,
      request_id: requestId,
      trace_id: 'a'.repeat(32),
      ip: '127.0.0.1',
      occurred_at: new Date('2026-05-06T07:08:09.123Z'),
      payload: JSON.stringify(prompt(sessionId)),
    })
    expect(row['processing_time_ms']).toBeGreaterThan(0)
    expect(row['headers']).toEqual({
      'user-agent': 'posthorn-hook/1.0.0',
      'content-type': 'application/json',
      'x-retry-attempt': '2',
      'x-captured-at': '2026-05-06T07:08:09.123Z',
    })
  })

  it('of a tool joins the one before it', async () => {
    const sessionId = uuidv7()
    const tool = {
      session_id: sessionId,
      tool_name: 'Bash',
      tool_use_id: 'toolu_1',
      tool_input: { command: 'ls' },
    }
    const before = (await send({ ...tool, hook_event_name: 'PreToolUse' })).json<Taken>()
    const after = (
      await send({ ...tool, hook_event_name: 'PostToolUse', tool_response: { stdout: '' } })
    ).json<Taken>()
    expect(before.data.toolUseId).toMatch(/^tu_/)
    expect(after.data).toEqual(before.data)
  })

  it('of the older format is taken under its own name for things', async () => {
    const sessionId = uuidv7()
    const older = {
      event: 'UserPromptSubmit',
      timestamp: '2026-05-06T07:08:09Z',
      sessionId,
      requestId: uuidv7(),
      data: { prompt: 'Older' },
    }
    const answer = await sender(HOOKS, { json: older })
    expect(answer.status).toBe(200)
    const taken = answer.json<Taken>()
    expect(taken).toMatchObject({ requestId: older.requestId, status: 'SUCCESS' })
    expect(answer.headers.get('x-request-id')).toBe(older.requestId)
    expect(await stored(taken.webhookEventId)).toMatchObject({
      session_id: sessionId,
      occurred_at: new Date(older.timestamp),
    })
    const unnamed = await sender(HOOKS, { json: { ...older, requestId: undefined } })
    expect(unnamed.json<Taken>()).toMatchObject({ success: true, status: 'SUCCESS' })
  })

  it('that the tool sends itself is answered with an empty object', async () => {
    const sessionId = uuidv7()
    const answer = await sender(HOOKS, { json: prompt(sessionId) })
    expect([answer.status, answer.text]).toEqual([200, '{}'])
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(
      await countOf('posthorn.events where session_id = $1 and status = $2', [sessionId, 'SUCCESS']),
    ).toBe(1)
  })

  it('that nobody has heard of is kept with everything in it', async () => {
    const event = { hook_event_name: 'SomethingNew', session_id: uuidv7(), big: 12345678901234567890n }
    const body = JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? '@' : value)).replace(
      '"@"',
      '12345678901234567890',
    )
    const answer = await sender(HOOKS, { body, headers: { 'x-request-id': uuidv7() } })
    expect(answer.status).toBe(200)
    const taken = answer.json<Taken>()
    expect(await stored(taken.webhookEventId)).toMatchObject({
      event_type: 'claude-code.SomethingNew',
      payload: body,
    })
    const detail = await reader(`/api/v1/events/${taken.webhookEventId}`)
    expect(detail.text).toContain('"big":12345678901234567890')
  })

  it.each([
    ['NUL', 'a\\u0000b'],
    ['half a surrogate pair', 'a\\ud800b'],
  ])('may hold %s in its text', async (_, text) => {
    const body = JSON.stringify(prompt(uuidv7(), '@')).replace('@', text)
    const answer = await sender(HOOKS, { body, headers: { 'x-request-id': uuidv7() } })
    expect(answer.status).toBe(200)
    const { webhookEventId, data } = answer.json<Taken>()
    expect(await stored(webhookEventId)).toMatchObject({ payload: body })
    expect((await reader(`/api/v1/conversations/${data.conversationId}`)).status).toBe(200)
  })
})

describe('the same request again', () => {
  it('gets the first result, and leaves a row that points at it', async () => {
    const [requestId, json] = [uuidv7(), prompt(uuidv7())]
    const first = (await send(json, { 'x-request-id': requestId })).json<Taken>()
    const second = await send(json, { 'x-request-id': requestId })
    expect(second.status).toBe(200)
    expect(second.json<Taken>()).toEqual({ ...first, duplicate: true })
    const { rows } = await service.database.pool.query(
      `select status, payload, duplicate_of from posthorn.events where request_id = $1 order by status`,
      [requestId],
    )
    expect(rows).toMatchObject([
      { status: 'DUPLICATE', payload: null, duplicate_of: canonical(first.webhookEventId) },
      { status: 'SUCCESS' },
    ])
  })

  it('twenty times at once makes one event', async () => {
    const [requestId, sessionId] = [uuidv7(), uuidv7()]
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send(prompt(sessionId), { 'x-request-id': requestId })),
    )
    expect(answers.every(({ status }) => status === 200 || status === 202)).toBe(true)
    const taken = answers.map((answer) => answer.json<Taken>())
    expect(new Set(taken.map(({ webhookEventId }) => webhookEventId)).size).toBe(1)
    expect(taken.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    expect(
      await countOf(`posthorn.events where request_id = $1 and status <> 'DUPLICATE'`, [requestId]),
    ).toBe(1)
    const id = taken.find(({ data }) => data.conversationId)?.data.conversationId
    const { messages } = (await reader(`/api/v1/conversations/${id}`)).json<{ messages: unknown[] }>()
    expect(messages).toHaveLength(1)
  })

  it('for another event is refused', async () => {
    const requestId = uuidv7()
    await send(prompt(uuidv7()), { 'x-request-id': requestId })
    const other = await send(prompt(uuidv7()), { 'x-request-id': requestId })
    expect(other.problem()).toMatchObject({ status: 422, code: 'idempotency_mismatch', requestId })
  })

  it('in another app is another event', async () => {
    const [requestId, json] = [uuidv7(), prompt(uuidv7())]
    const elsewhere = clientOf(service.url, await service.key('ingest', OTHER))
    const mine = (await send(json, { 'x-request-id': requestId })).json<Taken>()
    const theirs = (await send(json, { 'x-request-id': requestId }, elsewhere)).json<Taken>()
    expect(theirs.duplicate).toBe(false)
    expect(theirs.data.conversationId).not.toBe(mine.data.conversationId)
    for (const path of [
      `/api/v1/events/${theirs.webhookEventId}`,
      `/api/v1/conversations/${theirs.data.conversationId}`,
      `/api/v1/conversations/${theirs.data.conversationId}/messages`,
    ]) {
      expect((await reader(path)).problem()).toMatchObject({ status: 404 })
    }
    const again = await operator(`/api/v1/events/${theirs.webhookEventId}/reprocess`, { method: 'POST' })
    expect(again.problem()).toMatchObject({ status: 404 })
  })
})

describe('what is no event', () => {
  it.each([
    ['no JSON', '{"hook_event_name"', ''],
    ['nothing', '', ''],
    ['a list', '[]', ''],
    ['an event without a name', '{"session_id":"s"}', 'hook_event_name'],
    ['a name that is none', '{"hook_event_name":7,"session_id":"s"}', 'hook_event_name'],
    ['a field of the wrong kind', '{"hook_event_name":"UserPromptSubmit","prompt":1}', 'prompt'],
    ['data of the wrong kind', '{"event":"Stop","data":[]}', 'data'],
  ])('is kept and refused: %s', async (_, body, path) => {
    const requestId = uuidv7()
    const answer = await sender(HOOKS, {
      body,
      headers: { 'x-request-id': requestId, 'content-type': 'application/json' },
    })
    expect(answer.problem()).toMatchObject({ status: 422, code: 'validation', requestId, errors: [{ path }] })
    const id = /evt_[0-9a-f]{32}/.exec(answer.problem().detail ?? '')?.[0] ?? ''
    const detail = (await reader(`/api/v1/events/${id}`)).json()
    expect(detail).toMatchObject({
      status: 'INVALID',
      requestId,
      rawBody: { encoding: 'utf8', text: body },
      capture: { error: { code: 'validation' }, conversationId: null },
    })
    // It has taken no name: mended, the same one is free.
    expect((await send(prompt(uuidv7()), { 'x-request-id': requestId })).status).toBe(200)
  })

  it('is kept byte for byte where it is no text', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x00, 0x7d])
    const answer = await sender(HOOKS, { body, headers: { 'x-request-id': uuidv7() } })
    const id = /evt_[0-9a-f]{32}/.exec(answer.problem().detail ?? '')?.[0] ?? ''
    expect((await reader(`/api/v1/events/${id}`)).json()).toMatchObject({
      rawBody: { encoding: 'base64', text: body.toString('base64') },
    })
  })

  it('is not kept when it is too large, of another kind, or of nobody', async () => {
    const before = await countOf('posthorn.events')
    const large = { body: JSON.stringify(prompt(uuidv7(), 'x'.repeat(2 * 1_048_576))) }
    expect((await sender(HOOKS, large)).problem()).toMatchObject({ status: 413 })
    const text = { body: '', method: 'POST', headers: { 'content-type': 'text/plain' } }
    expect((await sender(HOOKS, text)).problem()).toMatchObject({ status: 415 })
    expect((await send(prompt(uuidv7()), {}, clientOf(service.url))).problem()).toMatchObject({ status: 401 })
    for (const client of [reader, operator]) {
      expect((await send(prompt(uuidv7()), {}, client)).problem()).toMatchObject({ status: 403 })
    }
    expect(await countOf('posthorn.events')).toBe(before)
  })

  it('nor a request id that cannot stand in a header', async () => {
    const answer = await send(prompt(uuidv7()), { 'x-request-id': 'two words' })
    expect(answer.problem()).toMatchObject({ status: 422, errors: [{ path: 'x-request-id' }] })
  })
})

describe('hook clients', () => {
  it('are remembered with what they report, and the sum of their drops counts once', async () => {
    const id = '0199d5c6-0000-4000-8000-000000000001'
    const report = (more: object) => ({
      'x-posthorn-hook-client': JSON.stringify({
        id,
        host: 'laptop',
        platform: 'linux',
        arch: 'x64',
        node: '24.1.0',
        version: '1.0.0',
        backlog: 3,
        failed: 1,
        dropped: 2,
        droppedByReason: { full: 2 },
        lastError: { code: 'ECONNREFUSED', at: '2026-05-06T07:08:09.000Z' },
        ...more,
      }),
    })
    const [requestId, json] = [uuidv7(), prompt(uuidv7())]
    const first = await send(json, { 'x-request-id': requestId, ...report({}) })
    // The tool does not send this itself: it has somebody who reads the answer.
    expect(first.json<Taken>().success).toBe(true)
    await send(json, { 'x-request-id': requestId, ...report({}) })
    await send(
      prompt(uuidv7()),
      report({ backlog: 0, dropped: 7, droppedByReason: { full: 2, age: 5 }, lastError: null }),
    )
    const { data } = (await reader('/api/v1/hook-clients')).json<{ data: Record<string, unknown>[] }>()
    expect(data).toHaveLength(1)
    expect(data[0]).toMatchObject({
      id,
      host: 'laptop',
      nodeVersion: '24.1.0',
      backlog: 0,
      dropped: 7,
      droppedByReason: { full: 2, age: 5 },
      lastError: null,
    })
  })

  it.each(['', 'nonsense', '[]', '{"id":"x"}', JSON.stringify({ id: uuidv7(), host: 'x'.repeat(3_000) })])(
    'that report %j lose no event by it',
    async (header) => {
      const answer = await send(prompt(uuidv7()), { 'x-posthorn-hook-client': header })
      expect(answer.status).toBe(200)
    },
  )
})

describe('a process with too much to do', () => {
  it('stores only, and says so', async () => {
    const app = await createIngest({
      ...service.parts,
      maxProjecting: 0,
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const loaded = clientOf(url, await service.key('ingest'))
    const requestId = uuidv7()
    const json = prompt(uuidv7())
    const answer = await loaded(HOOKS, { json, headers: { 'x-request-id': requestId } })
    expect(answer.status).toBe(202)
    expect(answer.json<Taken>()).toMatchObject({
      success: true,
      requestId,
      status: 'PENDING',
      duplicate: false,
      data: { conversationId: null },
    })
    const again = await loaded(HOOKS, { json, headers: { 'x-request-id': requestId } })
    expect(again.status).toBe(202)
    expect(again.json<Taken>()).toMatchObject({ status: 'PENDING', duplicate: true })
    const own = await loaded(HOOKS, { json: prompt(uuidv7()) })
    expect([own.status, own.text]).toEqual([200, '{}'])
    await app.close()
  })
})

describe('an event that could not be processed', () => {
  /** An event as a worker leaves it that has given up. */
  async function given(status: 'FAILED' | 'ERROR'): Promise<Taken & { requestId: string; json: object }> {
    const [requestId, json] = [uuidv7(), prompt(uuidv7())]
    const taken = (await send(json, { 'x-request-id': requestId })).json<Taken>()
    await service.database.pool.query(
      `update posthorn.events set status = $2, error_code = 'projection', error_message = 'It broke.',
              error_stack = 'at here', conversation_id = null, message_id = null, retry_count = 5 where id = $1`,
      [canonical(taken.webhookEventId), status],
    )
    return { ...taken, requestId, json }
  }

  it('is told so, with its stack only outside of production', async () => {
    const { requestId, json, webhookEventId } = await given('ERROR')
    const again = await send(json, { 'x-request-id': requestId })
    expect(again.status).toBe(200)
    expect(again.json<Taken>()).toMatchObject({
      success: false,
      status: 'ERROR',
      duplicate: true,
      error: { code: 'projection', message: 'It broke.', stack: 'at here' },
    })
    const app = await createIngest({
      ...service.parts,
      showStacks: false,
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const inProduction = clientOf(url, await service.key('admin'))
    const answer = await inProduction(HOOKS, { json, headers: { 'x-request-id': requestId } })
    expect(answer.json<Taken>().error).toEqual({ code: 'projection', message: 'It broke.' })
    const detail = await inProduction(`/api/v1/events/${webhookEventId}`)
    expect(detail.json()).toMatchObject({ errorStack: null, capture: { error: { code: 'projection' } } })
    expect((await reader(`/api/v1/events/${webhookEventId}`)).json()).toMatchObject({ errorStack: 'at here' })
    await app.close()
  })

  it.each(['FAILED', 'ERROR'] as const)('is processed again when somebody asks: %s', async (status) => {
    const { webhookEventId } = await given(status)
    const path = `/api/v1/events/${webhookEventId}/reprocess`
    expect((await sender(path, { method: 'POST' })).status).toBe(403)
    const answer = await operator(path, { method: 'POST' })
    expect(answer.status).toBe(200)
    expect(answer.json<Taken>()).toMatchObject({
      webhookEventId,
      status: 'SUCCESS',
      data: { conversationId: expect.stringMatching(/^conv_/), messageId: expect.stringMatching(/^msg_/) },
    })
    expect((await operator(path, { method: 'POST' })).problem()).toMatchObject({ status: 409 })
  })

  it('is looked at again when it is invalid', async () => {
    const answer = await sender(HOOKS, { body: '{}', headers: { 'x-request-id': uuidv7() } })
    const id = /evt_[0-9a-f]{32}/.exec(answer.problem().detail ?? '')?.[0]
    const again = await operator(`/api/v1/events/${id}/reprocess`, { method: 'POST' })
    expect(again.problem()).toMatchObject({ status: 422, errors: [{ path: 'hook_event_name' }] })
  })

  it('is one of many that are processed again', async () => {
    const failed = await Promise.all(Array.from({ length: 5 }, () => given('FAILED')))
    const answer = await operator('/api/v1/events/reprocess', { json: { status: 'FAILED' } })
    expect(answer.status).toBe(202)
    expect(answer.json()).toEqual({ queued: 5, invalid: 0, duplicates: 0, mismatched: 0, next: null })
    const { rows } = await service.database.pool.query<{ status: string }>(
      'select status from posthorn.events where id = any($1::uuid[])',
      [failed.map(({ webhookEventId }) => canonical(webhookEventId))],
    )
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['PENDING']))
    expect(
      (await operator('/api/v1/events/reprocess', { json: { status: 'SUCCESS' } })).problem(),
    ).toMatchObject({
      errors: [{ path: 'status' }],
    })
    expect((await operator('/api/v1/events/reprocess', { json: { typo: 1 } })).problem()).toMatchObject({
      errors: [{ path: 'typo' }],
    })
  })

  it('was published, and is never captured', async () => {
    const { eventId } = await service.posthorn.forApp(DEFAULT_APP_ID).publish({ type: 'a', payload: 1 })
    const again = await operator(`/api/v1/events/${eventId}/reprocess`, { method: 'POST' })
    expect(again.problem()).toMatchObject({ status: 409 })
    expect((await reader(`/api/v1/events/${eventId}`)).json()).toMatchObject({ capture: null, rawBody: null })
  })
})
