import { uuidv7 } from '@posthorn/core'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AnswerRepository } from '../src/answers/answer-repository.ts'
import { ApprovalRepository } from '../src/approvals/approval-repository.ts'
import { ManifestRepository } from '../src/apps/manifest-repository.ts'
import { CallRepository } from '../src/calls/call-repository.ts'
import { writeCalls } from '../src/calls/write-calls.ts'
import { listCircuits } from '../src/circuits/list-circuits.ts'
import { inTransaction } from '../src/database.ts'
import { subscribes } from '../src/endpoints/subscribes.ts'
import { NotificationRepository } from '../src/notifications/notification-repository.ts'
import { ensurePartitions } from '../src/partitions.ts'
import { applyRetention } from '../src/retention.ts'
import { createTestDatabase, type TestDatabase } from '../src/testing/index.ts'
import {
  callBatch,
  capability,
  newCall,
  newCallAttempt,
  newManifest,
  newNotification,
} from './call-support.ts'
import { indexesUsed, largeTables, mostRowsInVain, type PlanNode, plansOf, tablesScanned } from './plans.ts'
import { populateCalls, type SomeCall } from './populate-calls.ts'
import { keyring } from './support.ts'

const WEEK_MS = 7 * 86_400_000
const POPULATE_MS = 240_000
/** As the pools of the services are set. */
const HOT = 'set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off'

describe.each([
  ['analysed', undefined],
  ['never analysed, as the services are set', HOT],
])('plans of calls on a database that was %s', (_name, settings) => {
  let db: TestDatabase
  let large: Set<string>
  let some: SomeCall
  beforeAll(async () => {
    db = await createTestDatabase()
    const client = await db.pool.connect()
    await ensurePartitions(client, new Date(Date.now() - WEEK_MS))
    client.release()
    some = await populateCalls(db.pool, settings === undefined)
    large = await largeTables(db.pool)
    expect([...large]).toEqual(
      expect.arrayContaining(['approvals', 'notifications', 'manifests', 'kept_answers', 'endpoints']),
    )
    expect([...large].filter((table) => /^(calls|attempts)_p/.test(table)).length).toBeGreaterThan(10)
  }, POPULATE_MS)
  afterAll(() => db.drop())

  const scanned = (plans: readonly PlanNode[]) => tablesScanned(plans).filter((table) => large.has(table))
  const plans = (work: (pool: pg.Pool) => Promise<unknown>, analyze = false) =>
    plansOf(db.url, work, { analyze, ...(settings !== undefined && { settings }) })
  const calls = (work: (all: CallRepository) => Promise<unknown>) =>
    plans((pool) => work(new CallRepository(pool)))
  const approvals = (work: (all: ApprovalRepository) => Promise<unknown>) =>
    plans((pool) => work(new ApprovalRepository(pool)))
  const notifications = (work: (all: NotificationRepository) => Promise<unknown>) =>
    plans((pool) => work(new NotificationRepository(pool)))

  it.each([
    [
      'one call and its attempts',
      () => calls((all) => all.get(some.appId, some.id)),
      /attempts_.*call.*calls/,
    ],
    ['one call of whatever app', () => calls((all) => all.get(null, some.id)), /calls_.*id_/],
    ['the newest calls of an app', () => calls((all) => all.list(some.appId, {}, {})), /calls_.*app/],
    ['the newest calls', () => calls((all) => all.list(null, {}, {})), /calls_.*id_/],
    ['one approval', () => approvals((all) => all.get(null, some.id)), 'approvals_pkey'],
    [
      'approvals of an app',
      () => approvals((all) => all.list(some.appId, {}, {})),
      /approvals_(app|pkey|pending)/,
    ],
    [
      'approvals that wait',
      () => approvals((all) => all.list(null, { status: 'pending' }, {})),
      /approvals_(pending|pkey)/,
    ],
    [
      'deciding one',
      () =>
        plans((pool) =>
          inTransaction(pool, (client) =>
            new ApprovalRepository(pool).decide(client, null, some.pending, {
              decision: 'approved',
              by: 'a',
            }),
          ),
        ),
      'approvals_pkey',
    ],
    [
      'notifications of a room',
      () => notifications((all) => all.list(null, { roomId: 'room-77', unread: true }, {})),
      'notifications_room',
    ],
    [
      'notifications of an app',
      () => notifications((all) => all.list(some.appId, {}, {})),
      /notifications_(app|pkey)/,
    ],
    [
      'reading those of a room',
      () => notifications((all) => all.markRead(null, { roomId: 'room-77', until: new Date() }, 'a')),
      'notifications_room',
    ],
    ['an answer', () => plans((pool) => new AnswerRepository(pool).get('key-77')), 'kept_answers_pkey'],
    [
      'what can be called of an app',
      () => plans((pool) => new ManifestRepository(pool, keyring).callable(some.appId)),
      /endpoints_(callable|manifest).*manifests/,
    ],
    [
      'the manifest in force',
      () => plans((pool) => new ManifestRepository(pool, keyring).current(some.appId)),
      'manifests',
    ],
    [
      'whether somebody subscribes',
      () => plans((pool) => subscribes(pool, some.otherAppId, 'a.b')),
      /endpoints_/,
    ],
    [
      'circuits of an app',
      () => plans((pool) => listCircuits(pool, some.appId, {}, {})),
      /endpoints_(callable|app)/,
    ],
    ['circuits of all', () => plans((pool) => listCircuits(pool, null, {}, {})), /endpoints_(callable|pkey)/],
  ])('%s', async (_what, work, index) => {
    const found = await work()
    expect(scanned(found)).toEqual([])
    expect(indexesUsed(found).join(' ')).toMatch(index)
  })

  it('writing a batch finds what it folds into by the room, or among what its app was told of in the last hour', async () => {
    const call = newCall({ appId: some.appId })
    const batch = callBatch({
      calls: [call],
      attempts: [newCallAttempt({ callId: call.id })],
      notifications: ['room-77', null, uuidv7()].map((roomId) =>
        newNotification({ appId: some.appId, roomId }),
      ),
    })
    const found = await plans((pool) => writeCalls(pool, batch), true)
    expect(scanned(found)).toEqual([])
    expect(indexesUsed(found)).toEqual(expect.arrayContaining(['notifications_room']))
    expect(mostRowsInVain(found)).toBeLessThan(100)
  })

  it('putting a manifest looks at the endpoints of its app alone', async () => {
    const found = await plans((pool) =>
      new ManifestRepository(pool, keyring).replace(some.appId, newManifest(capability('quote'))),
    )
    expect(scanned(found)).toEqual([])
  })

  it('what retention removes', async () => {
    const found = await plansOf(
      db.url,
      (pool) => applyRetention(pool, { events: 30, attempts: 30, deadLetters: 90, stats: 90 }),
      { settings: 'set enable_seqscan = off' },
    )
    expect(scanned(found)).toEqual([])
  })
})
