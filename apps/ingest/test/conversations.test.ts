import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, clientOf } from './support/client.ts'
import { startService, type TestService } from './support/service.ts'
import { openStream } from './support/stream-client.ts'

const PATIENCE = { timeout: 30_000, interval: 20 }

let service: TestService
let sender: Client
let reader: Client
let readKey: string

beforeAll(async () => {
  service = await startService()
  readKey = await service.key('read')
  sender = clientOf(service.url, await service.key('ingest'))
  reader = clientOf(service.url, readKey)
})
afterAll(() => service.stop())

/** A short session, event by event. */
const session = (sessionId: string, title: string) =>
  [
    { hook_event_name: 'SessionStart', source: 'startup', model: 'a-model' },
    { hook_event_name: 'UserPromptSubmit', prompt: `${title}\nand more of it` },
    {
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_use_id: 'toolu_1',
      tool_input: { command: 'ls' },
    },
    {
      hook_event_name: 'PostToolUse',
      tool_name: 'Bash',
      tool_use_id: 'toolu_1',
      tool_input: { command: 'ls' },
      tool_response: { stdout: 'gate.ts' },
      duration_ms: 12,
    },
    { hook_event_name: 'Stop', stop_hook_active: false, last_assistant_message: 'Done.' },
    { hook_event_name: 'SessionEnd', reason: 'other' },
  ].map((event) => ({ ...event, session_id: sessionId, cwd: '/srv/garden' }))

async function play(sessionId: string, title: string): Promise<void> {
  let at = Date.parse('2026-05-06T07:00:00.000Z')
  for (const json of session(sessionId, title)) {
    at += 1_000
    const headers = { 'x-request-id': uuidv7(), 'x-captured-at': new Date(at).toISOString() }
    expect((await sender('/api/v1/hooks/claude-code', { json, headers })).status).toBe(200)
  }
}

interface Listed {
  data: { id: string; sessionId: string; title: string; counts: Record<string, number> }[]
  next: string | null
}

describe('conversations', () => {
  it('are what captured events become', async () => {
    const sessionId = uuidv7()
    await play(sessionId, 'Mend the gate')
    const { data } = (await reader(`/api/v1/conversations?sessionId=${sessionId}`)).json<Listed>()
    expect(data).toHaveLength(1)
    expect(data[0]).toMatchObject({
      id: expect.stringMatching(/^conv_[0-9a-f]{32}$/),
      sessionId,
      title: 'Mend the gate',
      status: 'ended',
      startedAt: '2026-05-06T07:00:01.000Z',
      endedAt: '2026-05-06T07:00:06.000Z',
      counts: { events: 6, messages: 2, toolUses: 1, toolFailures: 0 },
    })
    const detail = (await reader(`/api/v1/conversations/${data[0]?.id}`)).json()
    expect(detail).toMatchObject({
      ...data[0],
      messages: [
        { role: 'user', text: 'Mend the gate\nand more of it', eventId: expect.stringMatching(/^evt_/) },
        { role: 'assistant', text: 'Done.' },
      ],
      messagesNext: null,
      toolUses: [
        {
          toolUseId: 'toolu_1',
          toolName: 'Bash',
          status: 'succeeded',
          input: { command: 'ls' },
          response: { stdout: 'gate.ts' },
          durationMs: 12,
        },
      ],
      toolUsesNext: null,
    })
  })

  it('are found by words, and listed page by page', async () => {
    const word = uuidv7()
    for (const n of [1, 2, 3]) await play(uuidv7(), `Fence ${word} number ${n}`)
    await play(uuidv7(), 'Something else')
    const found: string[] = []
    let cursor: string | null = null
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`
      const page: Listed = (
        await reader(`/api/v1/conversations?q=${word.toUpperCase()}&limit=2${query}`)
      ).json<Listed>()
      found.push(...page.data.map(({ title }) => title))
      cursor = page.next
    } while (cursor !== null)
    expect(found).toEqual([3, 2, 1].map((n) => `Fence ${word} number ${n}`))
  })

  it('have lists of what was said and done', async () => {
    const sessionId = uuidv7()
    await play(sessionId, 'Paging')
    const { data } = (await reader(`/api/v1/conversations?sessionId=${sessionId}`)).json<Listed>()
    const path = `/api/v1/conversations/${data[0]?.id}`
    const first = (await reader(`${path}/messages?limit=1`)).json<{
      data: { text: string }[]
      next: string
    }>()
    expect(first.data.map(({ text }) => text)).toEqual(['Paging\nand more of it'])
    const second = (await reader(`${path}/messages?cursor=${first.next}`)).json()
    expect(second).toMatchObject({ data: [{ text: 'Done.' }], next: null, prev: expect.any(String) })
    expect((await reader(`${path}/messages?cursor=${second['prev']}`)).json()).toMatchObject({
      data: first.data,
      next: expect.any(String),
      prev: null,
    })
    expect((await reader(`${path}/tool-uses`)).json()).toMatchObject({
      data: [{ toolName: 'Bash' }],
      next: null,
      prev: null,
    })
    expect((await reader(`${path}/messages?limit=0`)).problem()).toMatchObject({
      errors: [{ path: 'limit' }],
    })
    expect((await reader(`${path}/messages?cursor=x`)).problem()).toMatchObject({
      errors: [{ path: 'cursor' }],
    })
  })

  it.each(['conv_1', `conv_${'0'.repeat(32)}`, 'evt_1'])('are not found at %s', async (id) => {
    expect((await reader(`/api/v1/conversations/${id}`)).problem()).toMatchObject({ status: 404 })
  })

  it('are deleted with what is in them, announced, and begun anew by what comes later', async () => {
    const manager = clientOf(service.url, await service.key('admin'))
    const stream = await openStream(service.url, readKey)
    const sessionId = uuidv7()
    await play(sessionId, 'Forget me')
    const find = async () =>
      (await reader(`/api/v1/conversations?sessionId=${sessionId}`)).json<Listed>().data[0]
    const id = (await find())?.id ?? ''
    const path = `/api/v1/conversations/${id}`
    expect((await reader(path, { method: 'DELETE' })).status).toBe(403)
    expect((await manager(path, { method: 'DELETE' })).status).toBe(204)
    for (const gone of [path, `${path}/messages`, `${path}/tool-uses`])
      expect((await reader(gone)).status).toBe(404)
    expect((await manager(path, { method: 'DELETE' })).status).toBe(404)
    expect((await manager('/api/v1/conversations/nonsense', { method: 'DELETE' })).status).toBe(404)
    expect(await find()).toBeUndefined()
    await expect
      .poll(() => stream.of('conversation_update').at(-1), PATIENCE)
      .toMatchObject({ id, sessionId, status: 'deleted' })
    stream.close()
    const events = (await reader(`/api/v1/events?sessionId=${sessionId}`)).json<{ data: object[] }>()
    expect(events.data).toHaveLength(6)

    await play(sessionId, 'Here again')
    const anew = await find()
    expect(anew).toMatchObject({ title: 'Here again', counts: { events: 6, messages: 2, toolUses: 1 } })
    expect(anew?.id).not.toBe(id)
  })

  it('refuse what they do not know', async () => {
    expect((await reader('/api/v1/conversations?search=x')).problem()).toMatchObject({
      errors: [{ path: 'search' }],
    })
    expect((await reader('/api/v1/conversations?q=%00')).problem()).toMatchObject({ errors: [{ path: 'q' }] })
  })

  it('are announced as they change, to those who follow', async () => {
    const [stream, older] = await Promise.all([
      openStream(service.url, readKey),
      openStream(service.url, readKey, { path: '/api/conversations/stream' }),
    ])
    for (const each of [stream, older]) await expect.poll(() => each.events.length, PATIENCE).toBe(1)
    const sessionId = uuidv7()
    await play(sessionId, 'Followed')
    await expect
      .poll(() => stream.of('conversation_update').at(-1), PATIENCE)
      .toMatchObject({ sessionId, status: 'ended', title: 'Followed' })
    expect(stream.of('message')).toMatchObject([{ role: 'user' }, { role: 'assistant' }])
    expect(stream.of('tool_use').at(-1)).toMatchObject({ toolName: 'Bash', status: 'succeeded' })
    expect(stream.of('event').every(({ status }) => status === 'SUCCESS')).toBe(true)
    expect(stream.of('event')).toHaveLength(6)
    await expect.poll(() => older.of('conversation_update').length, PATIENCE).toBe(6)
    expect(new Set(older.events.map(({ event }) => event))).toEqual(
      new Set(['connected', 'conversation_update']),
    )
    stream.close()
    older.close()
  })
})
