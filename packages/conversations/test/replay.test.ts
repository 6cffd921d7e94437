import { uuidv7 } from '@posthorn/core'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCapture } from '../src/create-capture.ts'
import { recordedConversation } from '../src/fixtures.ts'
import { createProjectionWorker } from '../src/projection-worker.ts'
import { count, projected, replay } from './support.ts'

const LONG_MS = 180_000

describe('a recorded conversation', () => {
  let db: TestDatabase
  const events = recordedConversation()
  beforeAll(async () => {
    db = await createTestDatabase()
  })
  afterAll(() => db.drop())

  const playInOrder = async (appId: string) => {
    const capture = createCapture({ pool: db.pool })
    for (const event of events)
      expect(await capture.accept(replay(event, { appId }))).toMatchObject({ status: 'SUCCESS' })
  }

  it('is at least 40 events of 12 kinds', () => {
    expect(events.length).toBeGreaterThanOrEqual(40)
    expect(new Set(events.map(({ body }) => body.hook_event_name)).size).toBeGreaterThanOrEqual(12)
  })

  it('becomes the conversation that it was', async () => {
    const appId = uuidv7()
    await playInOrder(appId)
    const { conversations, messages, toolUses } = await projected(db.pool, appId)
    expect(conversations).toMatchObject([
      {
        session_id: events[0]?.body.session_id,
        title: 'The cart total is wrong when a voucher is applied twice',
        status: 'ended',
        end_reason: 'logout',
        model: 'claude-opus-4-5',
        cwd: '/home/dev/shop',
        started_at: new Date(events[0]?.capturedAt ?? ''),
        last_event_at: new Date(events.at(-1)?.capturedAt ?? ''),
        ended_at: new Date(events.at(-1)?.capturedAt ?? ''),
        event_count: events.length,
        message_count: messages.length,
        tool_use_count: toolUses.length,
        tool_failure_count: 2,
      },
    ])
    expect(messages.map(({ role, agent_id, text }) => [role, agent_id, text.slice(0, 20)])).toEqual([
      ['user', null, 'The cart total is wr'],
      ['assistant', 'a3f9c0e17', 'Two callers: src/che'],
      ['assistant', null, 'A voucher was applie'],
      ['user', null, 'Thanks. Add a line t'],
      ['assistant', null, 'The changelog has it'],
      ['user', null, 'Is the fix deployed?'],
      ['assistant', null, 'main is at 8c1f2e0, '],
    ])
    expect(toolUses.map((use) => [use.tool_name, use.status, use.agent_id])).toEqual([
      ['Grep', 'succeeded', null],
      ['Read', 'succeeded', null],
      ['Read', 'succeeded', null],
      ['Bash', 'failed', null],
      ['Agent', 'succeeded', null],
      ['Grep', 'succeeded', 'a3f9c0e17'],
      ['Read', 'succeeded', 'a3f9c0e17'],
      ['Edit', 'succeeded', null],
      ['Bash', 'denied', null],
      ['Bash', 'succeeded', null],
      ['mcp__wiki__search', 'failed', null],
      ['Write', 'succeeded', null],
      ['Bash', 'succeeded', null],
    ])
    // The batch tells of the same answers in other words; the tool's own event is believed.
    expect(JSON.parse(toolUses[1]?.response)).toMatchObject({ type: 'text', file: { numLines: 3 } })
    expect(toolUses[10]).toMatchObject({
      error: 'The request was interrupted.',
      interrupted: true,
      duration_ms: 4990,
    })
    expect(await count(db.pool, 'projection_queue')).toBe(0)
  })

  it('is the same when all of it is projected once more', async () => {
    const appId = uuidv7()
    await playInOrder(appId)
    const before = await projected(db.pool, appId)
    await db.pool.query(`update posthorn.events set status = 'FAILED' where app_id = $1`, [appId])
    const capture = createCapture({ pool: db.pool })
    expect(await capture.reprocessMany(appId, {})).toMatchObject({ queued: events.length, next: null })
    const worker = createProjectionWorker({ pool: db.pool, pollMs: 50 })
    await worker.start()
    await expect
      .poll(() => count(db.pool, 'events', `app_id = '${appId}' and status = 'SUCCESS'`), { timeout: 30_000 })
      .toBe(events.length)
    await worker.stop()
    expect(await projected(db.pool, appId)).toEqual(before)
  })

  it(
    'is the same in any order, doubled, by many at once',
    async () => {
      const inOrder = uuidv7()
      await playInOrder(inOrder)
      const expected = await projected(db.pool, inOrder)
      const order = fc
        .tuple(
          fc.shuffledSubarray(events, { minLength: events.length }),
          fc.array(fc.nat(events.length - 1), { maxLength: 15 }),
          fc.integer({ min: 1, max: 8 }),
        )
        .map(([shuffled, doubled, lanes]) => {
          const all = [...shuffled]
          for (const at of doubled) all.splice((at * 7) % all.length, 0, ...events.slice(at, at + 1))
          return { all, lanes }
        })
      // A stall of the machine may cost a projection its time: a worker then takes it over, as it would anywhere.
      const worker = createProjectionWorker({ pool: db.pool, pollMs: 100 })
      await worker.start()
      await fc.assert(
        fc.asyncProperty(order, async ({ all, lanes }) => {
          const appId = uuidv7()
          const capture = createCapture({ pool: db.pool })
          const left = all.values()
          const lane = async () => {
            for (const event of left) await capture.accept(replay(event, { appId }))
          }
          await Promise.all(Array.from({ length: lanes }, lane))
          await expect.poll(() => count(db.pool, 'projection_queue'), { timeout: LONG_MS }).toBe(0)
          expect(await projected(db.pool, appId)).toEqual(expected)
          const duplicates = `app_id = '${appId}' and status = 'DUPLICATE'`
          expect(await count(db.pool, 'events', duplicates)).toBe(all.length - events.length)
        }),
        { numRuns: 25, endOnFailure: true },
      )
      await worker.stop()
    },
    LONG_MS,
  )
})
