import { uuidv7 } from '@posthorn/core'
import { PostgresQueue } from '@posthorn/queue'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptCapture, keepInvalid } from '../src/captures/accept-capture.ts'
import type { NewCapture } from '../src/captures/capture.ts'
import { HookClientRepository } from '../src/captures/hook-client-repository.ts'
import {
  describeInvalid,
  findReprocessable,
  requeueProjections,
  takeInvalid,
} from '../src/captures/reprocess.ts'
import { ConversationRepository } from '../src/conversations/conversation-repository.ts'
import { applyProjection } from '../src/projection/apply-projection.ts'
import { loadCaptured } from '../src/projection/load-captured.ts'
import { type Projection, placeOf } from '../src/projection/projection.ts'
import { PROJECTION_QUEUE } from '../src/projection/queue-table.ts'
import { settleProjections } from '../src/projection/settle-projections.ts'
import { applyRetention } from '../src/retention.ts'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../src/testing/index.ts'
import { indexesUsed, largeTables, mostRowsInVain, type PlanNode, plansOf, tablesScanned } from './plans.ts'

const POPULATE_MS = 240_000
/** As the pools of the services are set. */
const HOT = 'set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off'

describe.each([
  ['analysed', undefined],
  ['never analysed, as the services are set', HOT],
])('plans of captured events on a database that was %s', (_name, settings) => {
  let db: TestDatabase
  let large: Set<string>
  let some: { conversation: string; session: string; event: string; invalid: string }
  beforeAll(async () => {
    db = await createTestDatabase()
    await populateCaptures(db.pool, settings === undefined)
    large = await largeTables(db.pool)
    expect([...large]).toEqual(
      expect.arrayContaining([
        'events',
        'conversations',
        'messages',
        'tool_uses',
        'projection_queue',
        'hook_clients',
      ]),
    )
    const { rows } = await db.pool.query(
      `select (select id from public.sessions where n = 700) as conversation, 'session-700' as session,
         (select id from posthorn.events where status = 'FAILED' order by id limit 1) as event,
         (select id from posthorn.events where status = 'INVALID' order by id limit 1) as invalid`,
    )
    some = rows[0]
  }, POPULATE_MS)
  afterAll(() => db.drop())

  const scanned = (plans: readonly PlanNode[]) => tablesScanned(plans).filter((table) => large.has(table))
  const plans = (work: (pool: pg.Pool) => Promise<unknown>) =>
    plansOf(db.url, work, { ...(settings !== undefined && { settings }) })
  const conversations = (work: (repository: ConversationRepository) => Promise<unknown>) =>
    plans((pool) => work(new ConversationRepository(pool)))

  it.each([
    [
      'one conversation',
      () => conversations((all) => all.get(DEFAULT_APP_ID, some.conversation)),
      /conversations_(app|pkey)/,
    ],
    [
      'the conversation of a session',
      () => conversations((all) => all.list(DEFAULT_APP_ID, { sessionId: some.session }, {})),
      'conversations_session',
    ],
    [
      'the newest conversations',
      () => conversations((all) => all.list(DEFAULT_APP_ID, {}, {})),
      /conversations_(app|pkey)/,
    ],
    [
      'what was said in one',
      () => conversations((all) => all.messages(some.conversation)),
      'messages_conversation',
    ],
    [
      'what was done in one',
      () => conversations((all) => all.toolUses(some.conversation)),
      'tool_uses_conversation',
    ],
    [
      'hook clients',
      () => plans((pool) => new HookClientRepository(pool).list(DEFAULT_APP_ID, {})),
      /hook_clients/,
    ],
    [
      'captured events to project',
      () => plans((pool) => loadCaptured(pool, [some.event, uuidv7()])),
      'events_pkey',
    ],
    [
      'an event that is still invalid',
      () => plans((pool) => describeInvalid(pool, DEFAULT_APP_ID, some.invalid, 'wrong')),
      /events_(app|pkey|status)/,
    ],
  ])('%s', async (_what, work, index) => {
    const found = await work()
    expect(scanned(found)).toEqual([])
    expect(indexesUsed(found).join(' ')).toMatch(index)
  })

  it('a search looks at a bounded stretch, whatever it finds', async () => {
    for (const search of ['prompt 19', 'nothing has this']) {
      const found = await plansOf(
        db.url,
        (pool) => new ConversationRepository(pool).list(DEFAULT_APP_ID, { search }, { limit: 20 }),
        { analyze: true, ...(settings !== undefined && { settings }) },
      )
      expect(scanned(found)).toEqual([])
      expect(mostRowsInVain(found)).toBeLessThan(10_000)
    }
  })

  it('taking an event in, again, and one that is invalid', async () => {
    const found = await plans(async (pool) => {
      const options = { leaseMs: 30_000, report: { ...report, id: uuidv7() }, prepared: false }
      const capture = newCapture()
      await acceptCapture(pool, capture, options)
      await acceptCapture(pool, { ...capture, id: uuidv7() }, options)
      await keepInvalid(
        pool,
        { ...capture, id: uuidv7() },
        { body: Buffer.from('x'), message: 'wrong', report: null },
      )
    })
    expect(found).toHaveLength(4)
    expect(scanned(found)).toEqual([])
  })

  it('projecting an event, and writing that it failed', async () => {
    const capture = newCapture()
    const [accepted, failed] = [capture, newCapture()]
    const leases = await Promise.all(
      [accepted, failed].map(async (each) => {
        const answer = await acceptCapture(db.pool, each, { leaseMs: 30_000, report: null, prepared: false })
        return { eventId: each.id, leaseToken: ('leaseToken' in answer && answer.leaseToken) || '' }
      }),
    )
    const [lease, lost] = leases
    if (!lease || !lost) throw new Error('nothing is leased')
    const found = await plans(async (pool) => {
      const state = await applyProjection(pool, lease, projectionOf(accepted), {
        prepared: false,
        elapsedMs: () => 1,
      })
      expect(state?.status).toBe('SUCCESS')
      await settleProjections(pool, [
        {
          ...lost,
          next: { status: 'PENDING_RETRY', delayMs: 1_000 },
          isTry: true,
          error: { code: 'database', message: '', stack: null },
          processingTimeMs: 1,
        },
      ])
    })
    expect(found).toHaveLength(4)
    expect(scanned(found)).toEqual([])
  })

  it('claiming what is due, and what was left', async () => {
    const found = await plansOf(db.url, async (pool) => {
      const queue = new PostgresQueue({ pool, table: PROJECTION_QUEUE, defaultMaxInFlight: 1_000_000 })
      expect(await queue.claim({ limit: 10, leaseMs: 1_000 })).toHaveLength(10)
    })
    expect(scanned(found)).toEqual([])
  })

  it('processing events again', async () => {
    const found = await plans(async (pool) => {
      const filter = { type: 'claude-code.k3', sessionId: 'session-1', since: new Date(0) }
      await findReprocessable(pool, DEFAULT_APP_ID, filter, 200)
      const some = await findReprocessable(pool, DEFAULT_APP_ID, { status: 'FAILED' }, 50)
      await requeueProjections(
        pool,
        DEFAULT_APP_ID,
        some.map(({ id }) => id),
        null,
      )
    })
    expect(scanned(found)).toEqual([])
    const taken = await plans(async (pool) => {
      const one = await pool.connect()
      await one.query('begin')
      await takeInvalid(one, DEFAULT_APP_ID, some.invalid)
      await one.query('rollback')
      one.release()
    })
    expect(scanned(taken)).toEqual([])
  })

  it('what retention removes', async () => {
    const found = await plans((pool) =>
      applyRetention(pool, { events: 30, attempts: 30, deadLetters: 90, stats: 90 }),
    )
    // There is a row for each machine that ever sent something: they are read whole, once an hour.
    expect(scanned(found).filter((table) => table !== 'hook_clients')).toEqual([])
  })
})

const report = {
  host: 'laptop',
  platform: 'linux',
  arch: 'x64',
  nodeVersion: '24.1.0',
  version: '1.0.0',
  backlog: 0,
  failed: 0,
  dropped: 1,
  droppedByReason: { full: 1 },
  lastError: null,
}

function newCapture(): NewCapture {
  const requestId = uuidv7()
  return {
    id: uuidv7(),
    appId: DEFAULT_APP_ID,
    source: 'claude-code',
    requestId,
    traceId: null,
    eventType: 'claude-code.PreToolUse',
    sessionId: 'session-700',
    headers: null,
    ipAddress: null,
    metadata: null,
    occurredAt: new Date(),
    receivedAt: null,
    key: requestId,
    fingerprint: 'ab'.repeat(32),
    payload: '{}',
  }
}

function projectionOf(capture: NewCapture): Projection {
  return {
    eventId: capture.id,
    appId: capture.appId,
    sessionId: 'session-700',
    occurredAt: capture.occurredAt,
    place: placeOf(capture.occurredAt, capture.requestId ?? ''),
    title: 'A title',
    lifecycle: { status: 'active' },
    model: 'a-model',
    cwd: '/home',
    agentId: null,
    agentType: null,
    message: { role: 'user', text: 'A title' },
    toolUses: ['tool-1', 'tool-2', null].map((toolUseId) => ({
      toolUseId,
      toolName: 'Bash',
      input: '{}',
      inputRank: 2,
      startedAt: capture.occurredAt,
      outcome: null,
    })),
  }
}

/** Thousands of sessions with their events, some of which failed; unfinished projections; and as many machines. */
async function populateCaptures(pool: pg.Pool, analyse: boolean): Promise<void> {
  const tables = [
    'events',
    'conversations',
    'messages',
    'tool_uses',
    'projection_queue',
    'hook_clients',
    'idempotency_keys',
  ]
  for (const table of tables)
    await pool.query(`alter table posthorn.${table} set (autovacuum_enabled = false)`)
  const id = (ms: string) =>
    `overlay(gen_random_uuid()::text placing substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' from 1 for 15)::uuid as id from (select lpad(to_hex((extract(epoch from now()) * 1000)::bigint - ${ms}), 12, '0') as h, n`
  await pool.query(
    `create table public.sessions as select n, ${id('n * 60000')} from generate_series(1, 4000) n) t;
     create table public.captured as select n, ${id('n * 1000')} from generate_series(1, 60000) n) t`,
  )
  await pool.query(
    `insert into posthorn.events (id, app_id, source, request_id, event_type, session_id, payload, status)
     select id, $1, 'claude-code', 'r-' || n, 'claude-code.k' || n % 20, 'session-' || n % 4000, '{}',
       case when n % 200 = 0 then 'FAILED' when n % 201 = 0 then 'INVALID' when n % 20 = 0 then 'PENDING' else 'SUCCESS' end from public.captured`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.idempotency_keys (app_id, key, fingerprint, event_id, expires_at)
     select $1, 'r-' || n, '', id, now() + interval '30 days' from public.captured`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.conversations (id, app_id, session_id, title, started_at, last_event_at)
     select id, $1, 'session-' || n, 'title ' || n, now(), now() from public.sessions`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.messages (id, app_id, conversation_id, event_id, role, text, occurred_at, place)
     select c.id, $1, s.id, c.id, case when c.n % 2 = 0 then 'user' else 'assistant' end, 'prompt ' || c.n, now(), 'p' || c.n
       from public.captured c join public.sessions s on s.n = 1 + c.n % 4000 where c.n % 3 = 0`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.tool_uses (id, app_id, conversation_id, tool_use_id, event_id, tool_name, started_at, place)
     select c.id, $1, s.id, case when c.n % 10 > 0 then 'tool-' || c.n end, c.id, 'Bash', now(), 'p' || c.n
       from public.captured c join public.sessions s on s.n = 1 + c.n % 4000 where c.n % 3 > 0`,
    [DEFAULT_APP_ID],
  )
  await pool.query(
    `insert into posthorn.projection_queue (id, app_id, next_attempt_at, status, lease_token, lease_expires_at)
     select id, $1, now() - interval '1 hour', case when n % 40 = 0 then 'processing' else 'pending' end,
       case when n % 40 = 0 then gen_random_uuid() end, case when n % 40 = 0 then now() + interval '1 hour' end
       from public.captured where n % 20 = 0`,
    [DEFAULT_APP_ID],
  )
  await pool.query('insert into posthorn.hook_clients (app_id, id) select $1, id from public.sessions', [
    DEFAULT_APP_ID,
  ])
  if (analyse) await pool.query('analyze')
}
