import { uuidv7 } from '@posthorn/core'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Capture, createCapture } from '../src/create-capture.ts'
import { recordedConversation } from '../src/fixtures.ts'
import { projected, replay, request, rowsOf } from './support.ts'

const LANES = 20

describe('events that come at once', () => {
  let db: TestDatabase
  let capture: Capture
  beforeAll(async () => {
    db = await createTestDatabase({ max: LANES })
    capture = createCapture({ pool: db.pool, patienceMs: 60_000 })
  })
  afterAll(() => db.drop())

  const inLanes = async (work: readonly (() => Promise<unknown>)[]) => {
    const left = work.values()
    const lane = async () => {
      for (const each of left) await each()
    }
    await Promise.all(Array.from({ length: LANES }, lane))
  }
  const deadlocks = async () => {
    const [row] = await rowsOf<{ n: number }>(
      db.pool,
      'select deadlocks::int as n from pg_stat_database where datname = current_database()',
    )
    return row?.n
  }

  it('of one session make one conversation, count everything once and never lock each other out', async () => {
    const appId = uuidv7()
    const calls = Array.from({ length: 12 }, (_, n) => ({
      tool_name: 'Read',
      tool_input: { n },
      tool_use_id: `call-${n}`,
      tool_response: n,
    }))
    const bodies = Array.from({ length: 200 }, (_, n) => {
      const shared = { session_id: 'one', cwd: '/home' }
      if (n % 4 === 0) return { ...shared, hook_event_name: 'UserPromptSubmit', prompt: `Prompt ${n}` }
      // The same rows, from both ends.
      if (n % 4 === 1)
        return {
          ...shared,
          hook_event_name: 'PostToolBatch',
          tool_calls: n % 8 === 1 ? calls : calls.toReversed(),
        }
      if (n % 4 === 2)
        return { ...shared, hook_event_name: 'PostToolUseFailure', ...calls[n % 12], error: 'No.' }
      return { ...shared, hook_event_name: 'PreToolUse', ...calls[n % 12] }
    })
    const results: string[] = []
    await inLanes(
      bodies.map((body) => async () => results.push((await capture.accept(request(body, { appId }))).status)),
    )
    expect(new Set(results)).toEqual(new Set(['SUCCESS']))
    const { conversations, messages, toolUses } = await projected(db.pool, appId)
    expect(conversations).toMatchObject([{ event_count: 200, message_count: 50, tool_use_count: 12 }])
    expect([messages.length, toolUses.length]).toEqual([50, 12])
    expect(conversations[0]?.['tool_failure_count']).toBe(
      toolUses.filter(({ status }) => status === 'failed').length,
    )
    expect(await deadlocks()).toBe(0)
  })

  it('of fifty sessions, with the same session ids in two apps, stay apart', async () => {
    const apps = [uuidv7(), uuidv7()]
    const events = recordedConversation().slice(0, 20)
    const sessions = Array.from({ length: 25 }, (_, n) => `session-${n}`)
    const work = events.flatMap((event, at) =>
      apps.flatMap((appId) =>
        sessions.map(
          (session_id) => () =>
            capture.accept(
              replay(
                { ...event, body: { ...event.body, session_id } },
                { appId, requestId: `${session_id}/${at}` },
              ),
            ),
        ),
      ),
    )
    await inLanes(work)
    const [first, second] = await Promise.all(apps.map((appId) => projected(db.pool, appId)))
    expect(first).toEqual(second)
    expect(first?.conversations.map((row) => [row['session_id'], row['event_count']])).toEqual(
      sessions.toSorted().map((session) => [session, events.length]),
    )
    const mixed = await rowsOf(
      db.pool,
      `select m.id from posthorn.messages m join posthorn.conversations c on c.id = m.conversation_id where c.app_id <> m.app_id
       union all select t.id from posthorn.tool_uses t join posthorn.conversations c on c.id = t.conversation_id where c.app_id <> t.app_id`,
    )
    expect(mixed).toEqual([])
    expect(await deadlocks()).toBe(0)
  })
})
