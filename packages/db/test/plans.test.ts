import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completeDeliveries } from '../src/deliveries/completion.ts'
import { DeliveryRepository } from '../src/deliveries/delivery-repository.ts'
import { loadClaimed } from '../src/deliveries/load.ts'
import { sweepDeliveries } from '../src/deliveries/sweep.ts'
import { EventRepository } from '../src/events/event-repository.ts'
import { ensurePartitions } from '../src/partitions.ts'
import { applyRetention } from '../src/retention.ts'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../src/testing/index.ts'
import { indexesUsed, largeTables, mostRowsInVain, type PlanNode, plansOf, tablesScanned } from './plans.ts'
import { populate } from './populate.ts'
import { accept, attempt, claim, failedOutcome, newEvent, outcome } from './support.ts'

const WEEK_MS = 7 * 86_400_000
const POPULATE_MS = 240_000
/** What a claim's window may look at, with room to spare. */
const FEW_ROWS = 5_000
/** As the engine's own connections are set. */
const WORK_SETTINGS = 'set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off'

describe('plans on a populated database', () => {
  let db: TestDatabase
  let large: Set<string>
  let some: { id: string; endpointId: string; session: string; request: string }
  beforeAll(async () => {
    db = await createTestDatabase()
    const client = await db.pool.connect()
    await ensurePartitions(client, new Date(Date.now() - WEEK_MS))
    client.release()
    await populate(db.pool, { endpoints: 1_000, history: 180_000, due: 20_000 })
    await db.pool.query('analyze')
    const { rows } = await db.pool.query(
      `select id, endpoint_id as "endpointId", 's-' || n % 400 as session, 'req-' || n as request from public.made where n = 100000`,
    )
    some = rows[0]
    large = await largeTables(db.pool)
    expect([...large]).toEqual(
      expect.arrayContaining(['deliveries', 'delivery_queue', 'events', 'idempotency_keys']),
    )
  }, POPULATE_MS)
  afterAll(() => db.drop())

  const scanned = (plans: readonly PlanNode[]) => tablesScanned(plans).filter((table) => large.has(table))

  const events = (work: (repository: EventRepository) => Promise<unknown>) =>
    plansOf(db.url, (pool) => work(new EventRepository(pool)))
  const deliveries = (work: (repository: DeliveryRepository) => Promise<unknown>) =>
    plansOf(db.url, (pool) => work(new DeliveryRepository(pool)))
  const list = (filter: Parameters<EventRepository['list']>[1], page = {}) =>
    events((repository) => repository.list(DEFAULT_APP_ID, filter, page))

  it.each([
    ['one event', () => events((repository) => repository.get(DEFAULT_APP_ID, some.id)), /events_(app|pkey)/],
    ['events by request id', () => list({ requestId: some.request }), 'events_request'],
    ['the timeline of a session', () => list({ sessionId: some.session }), 'events_session'],
    ['events by type', () => list({ type: 'order.t7' }), 'events_type'],
    ['events by status', () => list({ status: 'FAILED' }), 'events_status'],
    [
      'events by status over time',
      () => list({ status: 'FAILED', since: new Date(Date.now() - 86_400_000) }),
      'events_status',
    ],
    [
      'events by type over time',
      () => list({ type: 'order.t7', since: new Date(Date.now() - 86_400_000) }),
      'events_type',
    ],
    ['events over time', () => list({ since: new Date(Date.now() - 86_400_000) }), /events_(app|pkey)/],
    ['the newest events', () => list({}), /events_(app|pkey)/],
    [
      'one delivery',
      () => deliveries((repository) => repository.get(DEFAULT_APP_ID, some.id)),
      /deliveries_(app|pkey)/,
    ],
    [
      'deliveries of an event',
      () => deliveries((repository) => repository.ofEvent(DEFAULT_APP_ID, some.id)),
      'deliveries_event',
    ],
    [
      'a page of the deliveries of an event',
      () => deliveries((repository) => repository.list(DEFAULT_APP_ID, { eventId: some.id }, {})),
      'deliveries_event',
    ],
    [
      'deliveries of an endpoint',
      () => deliveries((repository) => repository.list(DEFAULT_APP_ID, { endpointId: some.endpointId }, {})),
      'deliveries_endpoint',
    ],
    [
      'deliveries of an app',
      () => deliveries((repository) => repository.list(DEFAULT_APP_ID, {}, {})),
      /deliveries_(app|pkey)/,
    ],
    [
      'attempts of a delivery',
      () => deliveries((repository) => repository.attempts([some.id])),
      'attempts_delivery_id',
    ],
  ])('%s', async (_name, work, index) => {
    const plans = await work()
    expect(plans).toHaveLength(1)
    expect(scanned(plans)).toEqual([])
    expect(indexesUsed(plans).join(' ')).toMatch(index)
  })

  it('the pages behind and before another', async () => {
    const middle = Buffer.from(`>${some.id}`).toString('base64url')
    const back = Buffer.from(`<${some.id}`).toString('base64url')
    for (const cursor of [middle, back]) {
      const plans = [
        ...(await list({ sessionId: some.session }, { cursor })),
        ...(await list({ type: 'order.t7' }, { cursor })),
        ...(await list({}, { cursor })),
        ...(await deliveries((repository) =>
          repository.list(DEFAULT_APP_ID, { endpointId: some.endpointId }, { cursor }),
        )),
      ]
      expect(scanned(plans)).toEqual([])
      expect(indexesUsed(plans)).toEqual(
        expect.arrayContaining(['events_session', 'events_type', 'deliveries_endpoint']),
      )
    }
  })

  it('the dead letter of a delivery', async () => {
    await db.pool.query(
      `insert into posthorn.dead_letters (id, app_id, delivery_id, event_id, endpoint_id, reason, attempts, requeued_at)
       select id, $1, id, id, endpoint_id, 'exhausted', 1, case when n % 2 = 0 then now() end from public.made where n <= 5000`,
      [DEFAULT_APP_ID],
    )
    await db.pool.query('analyze posthorn.dead_letters')
    const plans = await deliveries((repository) => repository.deadLetter(some.id))
    expect(tablesScanned(plans)).toEqual([])
  })

  it('accepting a group, answering its duplicates', async () => {
    const group = [
      newEvent({ key: some.request, fingerprint: '' }),
      newEvent({ eventType: 'nobody.subscribes' }),
    ]
    const plans = await plansOf(db.url, (pool) => accept(pool, group))
    expect(plans).toHaveLength(2)
    expect(scanned(plans)).toEqual([])
  })

  it('claiming, loading and completing', async () => {
    const { plans, items } = await deliver(db)
    expect(items).toHaveLength(100)
    expect(scanned(plans)).toEqual([])
    expect(mostRowsInVain(plans)).toBeLessThan(FEW_ROWS)
  })

  it('the sweep finds what deleted endpoints are owed without reading the queue', async () => {
    await db.pool.query(
      `insert into posthorn.endpoints (id, app_id, url, url_sha256, host, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit, enabled, deleted_at)
       select gen_random_uuid(), app_id, url, url_sha256, host, '', timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit, false, now()
         from posthorn.endpoints limit 100`,
    )
    const [expired, deleted, ...more] = await plansOf(db.url, (pool) => sweepDeliveries(pool))
    expect([expired, deleted, more]).toEqual([expect.anything(), expect.anything(), []])
    expect(scanned(deleted ? [deleted] : [])).toEqual([])
  })

  it('what retention removes', async () => {
    const plans = await plansOf(db.url, (pool) =>
      applyRetention(pool, { events: 30, attempts: 30, deadLetters: 90, stats: 90 }),
    )
    expect(scanned(plans)).toEqual([])
  })
})

describe('plans on a database that was never analysed', () => {
  let db: TestDatabase
  let large: Set<string>
  beforeAll(async () => {
    db = await createTestDatabase()
    const client = await db.pool.connect()
    await ensurePartitions(client, new Date(Date.now() - WEEK_MS))
    client.release()
    for (const table of ['events', 'deliveries', 'delivery_queue', 'endpoints', 'idempotency_keys']) {
      await db.pool.query(`alter table posthorn.${table} set (autovacuum_enabled = false)`)
    }
    await populate(db.pool, { endpoints: 200, history: 20_000, due: 30_000 })
    large = await largeTables(db.pool)
  }, POPULATE_MS)
  afterAll(() => db.drop())

  const scanned = (plans: readonly PlanNode[]) => tablesScanned(plans).filter((table) => large.has(table))

  it('claiming, loading and completing touch few rows, as the engine is set', async () => {
    const { plans, items } = await deliver(db, WORK_SETTINGS)
    expect(items).toHaveLength(100)
    expect(scanned(plans)).toEqual([])
    expect(mostRowsInVain(plans)).toBeLessThan(FEW_ROWS)
  })

  it('claiming, loading and completing touch few rows, without any settings', async () => {
    const { plans } = await deliver(db)
    expect(scanned(plans)).toEqual([])
    expect(mostRowsInVain(plans)).toBeLessThan(FEW_ROWS)
  })

  it('accepting events neither scans nor sorts what is there', async () => {
    const plans = await plansOf(db.url, (pool) =>
      accept(pool, [newEvent({ key: uuidv7() }), newEvent({ eventType: 'nobody.subscribes' })]),
    )
    expect(scanned(plans)).toEqual([])
  })
})

/** A hundred deliveries from their claim to their end, and the plans of all that took. */
async function deliver(db: TestDatabase, settings?: string) {
  const options = { analyze: true, ...(settings !== undefined && { settings }) }
  // The first claim of a process looks everywhere; both of two shapes are asked about.
  await claim(db.pool, 1)
  let items: Awaited<ReturnType<typeof claim>> = []
  const claims = await plansOf(db.url, async (pool) => (items = await claim(pool, 100)), options)
  const loads = await plansOf(db.url, (pool) => loadClaimed(pool, items, { prepared: false }), options)
  const completions = await plansOf(
    db.url,
    (pool) =>
      completeDeliveries(
        pool,
        items.map((item, at) =>
          at % 3 === 0
            ? failedOutcome(item)
            : at % 3 === 1
              ? failedOutcome(item, { next: 'pending', deadLetter: null })
              : outcome(item, { attempt: attempt() }),
        ),
        [],
        { prepared: false },
      ),
    // Not run again: what it ended is not there any more, and a plan is made from the statement alone.
    { ...options, analyze: false },
  )
  return { plans: [...claims, ...loads, ...completions], items }
}
