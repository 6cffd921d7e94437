import { uuidv7 } from '@posthorn/core'
import { DEFAULT_APP_ID, EventRepository, HookClientRepository } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseClientReport } from '../src/client-report.ts'
import { type Capture, createCapture } from '../src/create-capture.ts'
import { count, request, rowsOf, subscribe } from './support.ts'

const stop = (sessionId: string | undefined, said = 'Done.') => ({
  hook_event_name: 'Stop',
  ...(sessionId !== undefined && { session_id: sessionId }),
  last_assistant_message: said,
})
const uuidOf = (id: string) => id.slice(id.indexOf('_') + 1)

describe('capture', () => {
  let db: TestDatabase
  let capture: Capture
  beforeAll(async () => {
    db = await createTestDatabase()
    capture = createCapture({ pool: db.pool })
  })
  afterAll(() => db.drop())
  const stored = async (id: string) => {
    const event = await new EventRepository(db.pool).get(
      DEFAULT_APP_ID,
      uuidOf(id).replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    )
    if (!event) throw new Error('the event is not there')
    return event
  }

  it('keeps the bytes of an event, whatever is in them', async () => {
    const body =
      '{ "hook_event_name":"Stop",\n "session_id":"bytes", "n":12345678901234567890, "x": 1e400, "nul":"\\u0000", "half":"\\ud800" }'
    const result = await capture.accept(request(body))
    expect(result).toMatchObject({
      status: 'SUCCESS',
      duplicate: false,
      isNamed: true,
      hookEventName: 'Stop',
    })
    expect(await stored(result.eventId)).toMatchObject({
      payload: body,
      eventType: 'claude-code.Stop',
      source: 'claude-code',
      sessionId: 'bytes',
      status: 'SUCCESS',
      rawBody: null,
      retryCount: 0,
    })
  })

  it('projects text that PostgreSQL cannot keep with a mark in its place', async () => {
    const body =
      '{"hook_event_name":"UserPromptSubmit","session_id":"nul","prompt":"a\\u0000b\\ud800c","cwd":"/\\u0000"}'
    const { messageId } = await capture.accept(request(body))
    expect(
      await rowsOf(db.pool, 'select text from posthorn.messages where id = $1', [uuidOf(messageId ?? '')]),
    ).toEqual([{ text: 'a\uFFFDb\uFFFDc' }])
  })

  it('projects figures of any size', async () => {
    for (const duration_ms of [1e300, 1e-300, 0]) {
      const body = { hook_event_name: 'PostToolUse', session_id: 'figures', tool_name: 'Bash', duration_ms }
      expect(await capture.accept(request(body))).toMatchObject({ status: 'SUCCESS' })
    }
  })

  it.each(['yesterday', '', '2026-13-45T00:00:00Z', '0001-01-01T00:00:00Z'])(
    'keeps an event whose time is %j, and marks it, whatever becomes of it',
    async (capturedAt) => {
      const ignored = [
        {
          path: 'x-captured-at',
          message: expect.stringContaining('cannot be read'),
          expected: expect.anything(),
        },
      ]
      const requestId = `unread-${capturedAt}-time`
      const sent = request(stop('unread-time'), { capturedAt, requestId })
      const { status, eventId } = await capture.accept(sent)
      expect(status).toBe('SUCCESS')
      expect(await stored(eventId)).toMatchObject({ metadata: { ignored } })
      await capture.accept(sent)
      const invalid = await capture.accept(request('nothing', { capturedAt }))
      expect(invalid.status).toBe('INVALID')
      expect(await stored(invalid.eventId)).toMatchObject({ metadata: { ignored } })
      const [copy] = await rowsOf<{ metadata: unknown }>(
        db.pool,
        `select metadata from posthorn.events where status = 'DUPLICATE' and request_id = $1`,
        [requestId],
      )
      expect(copy).toMatchObject({ metadata: { ignored } })
    },
  )

  it('marks no event whose time is good, or not given', async () => {
    for (const capturedAt of [null, '2026-01-02T03:04:05Z']) {
      const { eventId } = await capture.accept(request(stop('read-time'), { capturedAt }))
      expect(await stored(eventId)).toMatchObject({ metadata: null })
    }
  })

  it('says when an event happened, by the best that it knows', async () => {
    const id = '0199a2b4-0000-7000-8000-000000000000'
    const at = async (capturedAt: string | null, timestamp: unknown, requestId: string) => {
      const body = { ...stop('times'), timestamp }
      return (await stored((await capture.accept(request(body, { capturedAt, requestId }))).eventId))
        .occurredAt
    }
    expect(await at('2026-01-02T03:04:05.678Z', '2026-02-01T00:00:00Z', 'time-1')).toEqual(
      new Date('2026-01-02T03:04:05.678Z'),
    )
    expect(await at('yesterday', '2026-02-01T00:00:00Z', 'time-2')).toEqual(new Date('2026-02-01T00:00:00Z'))
    expect(await at(null, 1_767_323_045_678, 'time-3')).toEqual(new Date(1_767_323_045_678))
    expect(await at(null, undefined, id)).toEqual(new Date(0x0199a2b40000))
    expect((await at(null, '99999-01-01T00:00:00Z', 'time-4'))?.getUTCFullYear()).toBeLessThan(9999)
  })

  describe('a repeated request id', () => {
    it('gets the first result again and leaves a row that points at it', async () => {
      const sent = request(stop('twice'))
      const first = await capture.accept(sent)
      const before = await count(db.pool, 'events')
      const again = await capture.accept(sent)
      expect(again).toEqual({ ...first, duplicate: true })
      expect(await count(db.pool, 'events')).toBe(before + 1)
      const [row] = await rowsOf(
        db.pool,
        `select status, payload, error_code, request_id, 'evt_' || replace(duplicate_of::text, '-', '') as original
           from posthorn.events where duplicate_of is not null and request_id = $1`,
        [sent.requestId],
      )
      expect(row).toEqual({
        status: 'DUPLICATE',
        payload: null,
        error_code: 'duplicate',
        request_id: sent.requestId,
        original: first.eventId,
      })
    })

    it('is refused with other content', async () => {
      const sent = request(stop('other'))
      await capture.accept(sent)
      const before = await count(db.pool, 'events')
      await expect(
        capture.accept({ ...sent, body: Buffer.from(JSON.stringify(stop('other', 'No.'))) }),
      ).rejects.toMatchObject({
        code: 'idempotency_mismatch',
      })
      expect(await count(db.pool, 'events')).toBe(before)
    })

    it('makes one event when it comes twenty times at once', async () => {
      const sent = request(stop('at-once'))
      const results = await Promise.all(Array.from({ length: 20 }, () => capture.accept(sent)))
      expect(new Set(results.map(({ eventId }) => eventId)).size).toBe(1)
      expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
      expect(
        await count(
          db.pool,
          'messages',
          `text = 'Done.' and event_id = (select id from posthorn.events where request_id = '${sent.requestId}' and status = 'SUCCESS')`,
        ),
      ).toBe(1)
    })

    it('may stand in the body; without one every request is an event of its own', async () => {
      const named = { ...stop('named'), requestId: 'body-1' }
      const [first, again] = [
        await capture.accept(request(named, { requestId: null })),
        await capture.accept(request(named, { requestId: null })),
      ]
      expect([first.requestId, again.duplicate, first.isNamed]).toEqual(['body-1', true, true])
      const bare = [
        await capture.accept(request(stop('bare'), { requestId: null })),
        await capture.accept(request(stop('bare'), { requestId: null })),
      ]
      expect(bare.map(({ duplicate, isNamed }) => [duplicate, isNamed])).toEqual([
        [false, false],
        [false, false],
      ])
      expect(bare[0]?.requestId).toMatch(/^req_/)
    })

    it('belongs to an app', async () => {
      const sent = request(stop('apps'))
      const other = await capture.accept({ ...sent, appId: uuidv7() })
      const mine = await capture.accept(sent)
      expect([other.duplicate, mine.duplicate]).toEqual([false, false])
      expect(other.conversationId).not.toBe(mine.conversationId)
    })
  })

  describe('an invalid event', () => {
    it.each([
      ['no JSON', '{"hook_event_name": "Stop"', '', 'claude-code.unknown'],
      ['no object', '[1]', '', 'claude-code.unknown'],
      ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), '', 'claude-code.unknown'],
      ['a NUL byte', Buffer.from('{"hook_event_name":"Stop\0"}'), '', 'claude-code.unknown'],
      ['no name', { session_id: 's' }, 'hook_event_name', 'claude-code.unknown'],
      ['a name that is none', { hook_event_name: 'a b' }, 'hook_event_name', 'claude-code.unknown'],
      ['a session with NUL', { hook_event_name: 'Stop', session_id: '\0' }, 'session_id', 'claude-code.Stop'],
      [
        'a field of another type',
        { hook_event_name: 'UserPromptSubmit', prompt: 7 },
        'prompt',
        'claude-code.UserPromptSubmit',
      ],
      [
        'a field of a list',
        { hook_event_name: 'PostToolBatch', tool_calls: [{}, { tool_use_id: {} }] },
        'tool_calls[1].tool_use_id',
        'claude-code.PostToolBatch',
      ],
      ['older data', { event: 'Stop', data: 'x' }, 'data', 'claude-code.unknown'],
      [
        'a field of older data',
        { event: 'Stop', data: { lastAssistantMessage: 1 } },
        'data.last_assistant_message',
        'claude-code.Stop',
      ],
    ])('is kept whole and told what is wrong: %s', async (_, body, path, eventType) => {
      const sent = request(body)
      const keys = await count(db.pool, 'idempotency_keys')
      const result = await capture.accept(sent)
      expect(result).toMatchObject({ status: 'INVALID', error: { code: 'validation' }, duplicate: false })
      expect(result.issues.map((issue) => issue.path)).toEqual([path])
      const event = await stored(result.eventId)
      expect(event).toMatchObject({
        status: 'INVALID',
        payload: null,
        eventType,
        errorCode: 'validation',
        requestId: sent.requestId,
      })
      expect(event.rawBody).toEqual(sent.body)
      expect(await count(db.pool, 'idempotency_keys')).toBe(keys)
    })

    it('takes no key: the same id may be sent again, mended', async () => {
      const sent = request({ hook_event_name: 'Stop', last_assistant_message: 1 })
      expect(await capture.accept(sent)).toMatchObject({ status: 'INVALID' })
      const body = Buffer.from(JSON.stringify(stop('mended')))
      expect(await capture.accept({ ...sent, body })).toMatchObject({ status: 'SUCCESS', duplicate: false })
    })

    it('names a request id that cannot be one', async () => {
      const result = await capture.accept(request(stop('bad-id'), { requestId: 'a b' }))
      expect(result).toMatchObject({ status: 'INVALID', issues: [{ path: 'x-request-id' }], isNamed: false })
    })
  })

  it('keeps kinds and fields that it does not know', async () => {
    const body = { hook_event_name: 'constructor', session_id: 'unknown', anything: { at: ['all'] } }
    const result = await capture.accept(request(body))
    expect(result).toMatchObject({ status: 'SUCCESS', messageId: null, toolUseId: null })
    expect(result.conversationId).toMatch(/^conv_/)
    expect((await stored(result.eventId)).payload).toBe(JSON.stringify(body))
  })

  it('leaves an event without a session on the timeline of its app', async () => {
    expect(await capture.accept(request(stop(undefined)))).toMatchObject({
      status: 'SUCCESS',
      conversationId: null,
      messageId: null,
    })
  })

  it('understands the older format', async () => {
    const body = {
      event: 'PreToolUse',
      timestamp: '2026-01-01T00:00:00Z',
      sessionId: 'older',
      data: { toolName: 'Bash', toolInput: { command: 'ls' }, toolUseId: 'tu-1' },
    }
    const result = await capture.accept(request(body, { requestId: null }))
    expect(result).toMatchObject({ status: 'SUCCESS', isOlderFormat: true, hookEventName: 'PreToolUse' })
    expect(
      await rowsOf(db.pool, 'select tool_name, input, started_at from posthorn.tool_uses where id = $1', [
        uuidOf(result.toolUseId ?? ''),
      ]),
    ).toEqual([
      { tool_name: 'Bash', input: '{"command":"ls"}', started_at: new Date('2026-01-01T00:00:00Z') },
    ])
  })

  it('owes events to endpoints whose filter begins with their word, and to no others', async () => {
    const appId = uuidv7()
    const [one, all] = [
      await subscribe(db.pool, appId, ['claude-code.Stop']),
      await subscribe(db.pool, appId, ['claude-code.*']),
    ]
    await subscribe(db.pool, appId, ['*'])
    await subscribe(db.pool, appId, ['claude-code.SessionEnd'])
    const sent = request(stop('fan-out'), { appId })
    await capture.accept(sent)
    await capture.accept(sent)
    await capture.accept(request({ hook_event_name: 'Stop', session_id: 7 }, { appId }))
    const owed = await rowsOf<{ endpoint_id: string }>(
      db.pool,
      'select endpoint_id from posthorn.deliveries where app_id = $1',
      [appId],
    )
    expect(owed.map((row) => row.endpoint_id).sort()).toEqual([one, all].sort())
  })

  it('keeps what a hook client says of itself, and counts what it dropped once, however its reports come', async () => {
    const appId = uuidv7()
    const id = uuidv7()
    const report = (dropped: number, more: object = {}) =>
      parseClientReport(
        JSON.stringify({
          id,
          host: 'laptop\u0000',
          platform: 'linux',
          backlog: 3,
          dropped,
          droppedByReason: { full: dropped },
          lastError: null,
          ...more,
        }),
      )
    const sent = request(stop('client'), { appId, client: report(2) })
    await capture.accept(sent)
    await capture.accept(sent)
    await capture.accept(
      request(stop('client'), {
        appId,
        client: report(7, { backlog: 'many', droppedByReason: { full: 3, age: 4 } }),
      }),
    )
    // Sent before, and later here.
    await capture.accept(request(stop('client'), { appId, client: report(2) }))
    await capture.accept(
      request('nothing', { appId, client: report(8, { lastError: { code: 'ECONNREFUSED', at: null } }) }),
    )
    expect((await new HookClientRepository(db.pool).list(appId, {})).data).toMatchObject([
      {
        id,
        host: 'laptop\uFFFD',
        platform: 'linux',
        arch: null,
        backlog: 3,
        dropped: 8,
        droppedByReason: { full: 8, age: 4 },
        lastError: { code: 'ECONNREFUSED', at: null },
      },
    ])
  })

  it('only keeps an event where it shall not project', async () => {
    const result = await capture.accept(request(stop('shed'), { project: false }))
    expect(result).toMatchObject({ status: 'PENDING', conversationId: null })
    expect(await stored(result.eventId)).toMatchObject({ status: 'PENDING', processedAt: null })
    expect(await rowsOf(db.pool, `select status, lease_token from posthorn.projection_queue`)).toEqual([
      { status: 'pending', lease_token: null },
    ])
  })

  it('announces what has changed', async () => {
    const appId = uuidv7()
    const { conversationId, messageId, eventId } = await capture.accept(
      request({ hook_event_name: 'UserPromptSubmit', session_id: 'news', prompt: 'Hello\nthere' }, { appId }),
    )
    const news = await rowsOf<{ type: string; data: object }>(
      db.pool,
      'select type, data from posthorn.changes where app_id = $1 order by seq',
      [appId],
    )
    expect(news).toMatchObject([
      {
        type: 'conversation_update',
        data: {
          id: conversationId,
          sessionId: 'news',
          title: 'Hello',
          status: 'active',
          endedAt: null,
          counts: { events: 1, messages: 1, toolUses: 0, toolFailures: 0 },
        },
      },
      {
        type: 'message',
        data: { id: messageId, conversationId, eventId, role: 'user', preview: 'Hello\nthere' },
      },
      {
        type: 'event',
        data: { id: eventId, type: 'claude-code.UserPromptSubmit', status: 'SUCCESS', sessionId: 'news' },
      },
    ])
  })
})
