import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  attempt,
  claim,
  claimOne,
  count,
  failedOutcome,
  insertEndpoint,
  outcome,
  owe,
  rowsOf,
} from '../../test/support.ts'
import type { Endpoint } from '../endpoints/endpoint.ts'
import { ensurePartitionFor } from '../partitions.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { completeDeliveries, type DeliveryOutcome, type StatRow } from './completion.ts'
import { cancelDelivery } from './intervene.ts'

describe('completeDeliveries', () => {
  let db: TestDatabase
  let endpoint: Endpoint
  beforeAll(async () => {
    db = await createTestDatabase()
    endpoint = await insertEndpoint(db.pool, { maxConcurrency: 512 })
  })
  beforeEach(() =>
    db.pool.query(
      'truncate posthorn.deliveries, posthorn.delivery_queue, posthorn.attempts, posthorn.dead_letters, posthorn.attempt_stats',
    ),
  )
  afterAll(() => db.drop())

  const complete = (outcomes: readonly DeliveryOutcome[], stats: readonly StatRow[] = []) =>
    completeDeliveries(db.pool, outcomes, stats, { prepared: false })
  const claimed = async (change = {}) => {
    await owe(db.pool, endpoint, change)
    return claimOne(db.pool)
  }
  const delivery = async (id: string) =>
    (
      await rowsOf(
        db.pool,
        'select status, attempt_count, delivered_at, failed_at, last_failure, last_error from posthorn.deliveries where id = $1',
        [id],
      )
    )[0]
  const queued = async (id: string) =>
    (await rowsOf(db.pool, 'select * from posthorn.delivery_queue where id = $1', [id]))[0]

  it('ends a delivered one', async () => {
    const item = await claimed()
    expect(await complete([outcome(item)])).toEqual([{ id: item.id, final: 'delivered' }])
    expect(await delivery(item.id)).toMatchObject({
      status: 'delivered',
      attempt_count: 1,
      delivered_at: expect.any(Date),
      failed_at: null,
      last_failure: null,
    })
    expect(await queued(item.id)).toBeUndefined()
  })

  it('keeps an attempt as it was, whether all of it is known or little', async () => {
    const [whole, little] = [await claimed(), await claimed()]
    const full = {
      responseBody: 'sní"',
      responseHeaders: { a: 'b' },
      statusCode: 999,
      errorCode: 'E',
      errorMessage: 'm',
      timing: { dns: 0.5 },
      circuitEpoch: 2 ** 40,
      responseTruncated: true,
    }
    const none = {
      responseBody: null,
      responseHeaders: null,
      statusCode: null,
      errorCode: null,
      errorMessage: null,
      timing: null,
    }
    const [one, two] = [
      failedOutcome(whole, { attempt: attempt({ ...full, success: false, failure: 'http_5xx' }) }),
      outcome(little, { attempt: attempt(none) }),
    ]
    await complete([one, two])
    const about = (item: { id: string }, made: DeliveryOutcome) => ({
      id: made.attempt?.id,
      delivery_id: item.id,
      endpoint_id: endpoint.id,
      number: 1,
      kind: 'delivery',
      started_at: made.attempt?.startedAt,
      duration_ms: 12.5,
      worker_id: 'worker',
      call_id: null,
    })
    expect(await rowsOf(db.pool, 'select * from posthorn.attempts order by success')).toEqual([
      {
        ...about(whole, one),
        success: false,
        failure: 'http_5xx',
        status_code: 999,
        error_code: 'E',
        error_message: 'm',
        timing: { dns: 0.5 },
        response_headers: { a: 'b' },
        response_body: 'sní"',
        response_truncated: true,
        circuit_epoch: String(2 ** 40),
      },
      {
        ...about(little, two),
        success: true,
        failure: null,
        status_code: null,
        error_code: null,
        error_message: null,
        timing: null,
        response_headers: null,
        response_body: null,
        response_truncated: false,
        circuit_epoch: '0',
      },
    ])
  })

  it('lets one that is to be tried again wait, without its lease', async () => {
    const item = await claimed()
    const again = failedOutcome(item, { next: 'pending', delayMs: 90_000, deadLetter: null })
    expect(await complete([again])).toEqual([{ id: item.id, final: 'pending' }])
    expect(await delivery(item.id)).toMatchObject({
      status: 'pending',
      attempt_count: 1,
      failed_at: null,
      last_failure: 'http_5xx',
      last_error: 'It answered 503.',
    })
    const row = await queued(item.id)
    expect(row).toMatchObject({
      status: 'pending',
      attempt_count: 1,
      claim_count: 0,
      lease_token: null,
      lease_expires_at: null,
    })
    const dueAt = row?.['next_attempt_at'] as Date | undefined
    expect((dueAt?.getTime() ?? 0) - item.claimedAtMs).toBeGreaterThanOrEqual(90_000)
    expect(await count(db.pool, 'dead_letters')).toBe(0)
  })

  it('buries one that is over, with its reason', async () => {
    const item = await claimed()
    const dead = failedOutcome(item, {
      next: 'dead',
      failure: 'blocked',
      deadLetter: { id: uuidv7(), reason: 'blocked' },
    })
    await complete([dead])
    expect(await delivery(item.id)).toMatchObject({
      status: 'dead',
      failed_at: expect.any(Date),
      delivered_at: null,
    })
    expect(await queued(item.id)).toBeUndefined()
    expect(
      await rowsOf(
        db.pool,
        'select id, delivery_id, event_id, reason, failure, error, attempts from posthorn.dead_letters',
      ),
    ).toEqual([
      {
        id: dead.deadLetter?.id,
        delivery_id: item.id,
        event_id: dead.eventId,
        reason: 'blocked',
        failure: 'blocked',
        error: 'It answered 503.',
        attempts: 1,
      },
    ])
  })

  it('costs no attempt where the fault was ours', async () => {
    const item = await claimed()
    await complete([outcome(item, { next: 'pending', attemptCount: 0, failure: 'shutdown', attempt: null })])
    expect(await queued(item.id)).toMatchObject({ status: 'pending', attempt_count: 0 })
    expect(await count(db.pool, 'attempts')).toBe(0)
  })

  it('records the attempt of a lease that was lost, and leaves the delivery to who has it now', async () => {
    const stale = await claimed()
    await db.pool.query(`update posthorn.delivery_queue set status = 'pending', lease_token = null`)
    const fresh = await claimOne(db.pool)
    expect(await complete([failedOutcome(stale)])).toEqual([])
    expect(await count(db.pool, 'attempts')).toBe(1)
    expect(await count(db.pool, 'dead_letters')).toBe(0)
    expect(await delivery(stale.id)).toMatchObject({
      status: 'pending',
      attempt_count: 0,
      last_failure: null,
    })
    expect(await queued(stale.id)).toMatchObject({ status: 'processing', lease_token: fresh.leaseToken })
    // Both in one flush: each is judged by its own token.
    expect(await complete([failedOutcome(stale), outcome(fresh)])).toEqual([
      { id: fresh.id, final: 'delivered' },
    ])
    expect(await count(db.pool, 'attempts')).toBe(3)
  })

  it('may be run again with the same arguments: nothing is written or counted twice', async () => {
    const items = []
    for (let i = 0; i < 3; i += 1) await owe(db.pool, endpoint)
    items.push(...(await claim(db.pool)))
    const [a, b, c] = items
    if (!a || !b || !c) throw new Error('three were owed')
    const outcomes = [
      outcome(a),
      failedOutcome(b),
      failedOutcome(c, { next: 'pending', delayMs: 60_000, deadLetter: null }),
    ]
    const stats: StatRow[] = [
      {
        endpointId: endpoint.id,
        minute: new Date(60_000 * Math.floor(Date.now() / 60_000)),
        workerId: 'w',
        attempts: 3,
        successes: 1,
        durationSumMs: 37.5,
        failures: { http_5xx: 2 },
        buckets: [4],
        bucketCounts: [3],
      },
    ]
    const snapshot = async () => [
      await rowsOf(db.pool, 'select * from posthorn.attempts order by id'),
      await rowsOf(db.pool, 'select * from posthorn.dead_letters order by id'),
      await rowsOf(db.pool, 'select * from posthorn.attempt_stats'),
      await rowsOf(db.pool, 'select * from posthorn.deliveries order by id'),
      await rowsOf(db.pool, 'select * from posthorn.delivery_queue order by id'),
    ]
    expect(await complete(outcomes, stats)).toHaveLength(3)
    const before = await snapshot()
    expect(before.map((rows) => rows.length)).toEqual([3, 1, 1, 3, 1])
    expect(await complete(outcomes, stats)).toEqual([])
    expect(await snapshot()).toEqual(before)
  })

  it('writes statistics as absolute figures, each worker its own row', async () => {
    const minute = new Date(60_000 * Math.floor(Date.now() / 60_000))
    const row = (workerId: string, attempts: number): StatRow => ({
      endpointId: endpoint.id,
      minute,
      workerId,
      attempts,
      successes: attempts,
      durationSumMs: attempts * 10,
      failures: {},
      buckets: [1, 2],
      bucketCounts: [attempts, 0],
    })
    await complete([], [row('w1', 2), row('w2', 5)])
    await complete([], [row('w1', 3)])
    expect(
      await rowsOf(
        db.pool,
        'select worker_id, attempts, successes, duration_sum_ms::int as sum, bucket_counts from posthorn.attempt_stats order by 1',
      ),
    ).toEqual([
      { worker_id: 'w1', attempts: 3, successes: 3, sum: 30, bucket_counts: [3, 0] },
      { worker_id: 'w2', attempts: 5, successes: 5, sum: 50, bucket_counts: [5, 0] },
    ])
  })

  it('lets what came of a try decide about a cancellation asked for meanwhile', async () => {
    const finals: string[] = []
    for (const make of [
      (item: Parameters<typeof outcome>[0]) => outcome(item),
      (item: Parameters<typeof outcome>[0]) => failedOutcome(item, { next: 'pending', deadLetter: null }),
      (item: Parameters<typeof outcome>[0]) => failedOutcome(item),
    ]) {
      const item = await claimed()
      expect(await cancelDelivery(db.pool, endpoint.appId, item.id)).toBe('requested')
      const [settled] = await complete([make(item)])
      finals.push(settled?.final ?? '')
      expect(await delivery(item.id)).toMatchObject({ status: settled?.final, attempt_count: 1 })
      expect(await queued(item.id)).toBeUndefined()
    }
    expect(finals).toEqual(['delivered', 'cancelled', 'failed'])
    expect(await count(db.pool, 'dead_letters')).toBe(1)
  })

  it('keeps a failed head in front of its ordering key where the endpoint halts', async () => {
    const head = await claimed({ orderingKey: 'k' })
    await owe(db.pool, endpoint, { orderingKey: 'k' })
    await complete([failedOutcome(head, { halt: true })])
    expect(await queued(head.id)).toMatchObject({ status: 'halted', lease_token: null })
    expect(await delivery(head.id)).toMatchObject({ status: 'failed' })
    expect(await claim(db.pool)).toEqual([])
  })

  it('has one open dead letter for a delivery, and a new one after a requeue', async () => {
    const item = await claimed()
    await complete([failedOutcome(item)])
    const [first] = await rowsOf<{ id: string }>(db.pool, 'select id from posthorn.dead_letters')
    const insert = () =>
      db.pool.query(
        `insert into posthorn.dead_letters (id, app_id, delivery_id, event_id, endpoint_id, reason, attempts)
         select gen_random_uuid(), app_id, delivery_id, event_id, endpoint_id, reason, attempts from posthorn.dead_letters where id = $1`,
        [first?.id],
      )
    await expect(insert()).rejects.toMatchObject({ code: '23505' })
    await db.pool.query('update posthorn.dead_letters set requeued_at = now()')
    await insert()
    expect(await count(db.pool, 'dead_letters')).toBe(2)
  })

  it('fails whole where a partition is missing, and goes through once it is there', async () => {
    const item = await claimed()
    const startedAt = new Date(Date.now() - 3 * 86_400_000)
    const made = outcome(item, { attempt: attempt({ startedAt }) })
    await expect(complete([made])).rejects.toMatchObject({ code: '23514', table: 'attempts' })
    expect(await queued(item.id)).toMatchObject({ status: 'processing' })
    const client = await db.pool.connect()
    await ensurePartitionFor(client, 'attempts', startedAt)
    client.release()
    expect(await complete([made])).toHaveLength(1)
  })

  it('does not deadlock when many flushes name the same rows in different orders', async () => {
    await Promise.all(Array.from({ length: 40 }, () => owe(db.pool, endpoint)))
    const items = await claim(db.pool)
    const again = items.map((item) =>
      failedOutcome(item, { next: 'pending', delayMs: 60_000, deadLetter: null }),
    )
    const flushes = Array.from({ length: 12 }, (_, at) => complete(at % 2 === 0 ? again : again.toReversed()))
    const settled = await Promise.all(flushes)
    expect(settled.flat()).toHaveLength(40)
  })
})
