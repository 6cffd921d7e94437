import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  claim,
  count,
  failedOutcome,
  insertEndpoint,
  keyring,
  outcome,
  owe,
  rowsOf,
} from '../../test/support.ts'
import { PostgresCircuitStore } from '../circuits/postgres-circuit-store.ts'
import { EndpointRepository } from '../endpoints/endpoint-repository.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { completeDeliveries } from './completion.ts'
import { sweepDeliveries } from './sweep.ts'

describe('sweep', () => {
  let db: TestDatabase
  let endpoints: EndpointRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    endpoints = new EndpointRepository(db.pool, keyring)
  })
  afterAll(() => db.drop())

  const expire = (id: string) =>
    db.pool.query(
      `update posthorn.delivery_queue set expires_at = now() - interval '1 second' where id = $1`,
      [id],
    )
  const fate = async (id: string) => {
    const [row] = await rowsOf(
      db.pool,
      `select d.status, l.reason, q.status as queued from posthorn.deliveries d
         left join posthorn.dead_letters l on l.delivery_id = d.id left join posthorn.delivery_queue q on q.id = d.id where d.id = $1`,
      [id],
    )
    return row
  }
  const expired = { status: 'dead', reason: 'expired', queued: null }

  it('finds nothing to do where nothing is over', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const id = await owe(db.pool, endpoint)
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 0, cancelled: 0 })
    expect(await fate(id)).toEqual({ status: 'pending', reason: null, queued: 'pending' })
    await db.pool.query('delete from posthorn.delivery_queue')
  })

  it('ends what expired behind a pause', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const id = await owe(db.pool, endpoint)
    await endpoints.setPaused(endpoint.appId, endpoint.id, true)
    await expire(id)
    expect(await claim(db.pool)).toEqual([])
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 1, cancelled: 0 })
    expect(await fate(id)).toEqual(expired)
    const [row] = await rowsOf(
      db.pool,
      'select failed_at is not null as failed from posthorn.deliveries where id = $1',
      [id],
    )
    expect(row).toEqual({ failed: true })
  })

  it('ends what expired behind an open circuit', async () => {
    const endpoint = await insertEndpoint(db.pool)
    await new PostgresCircuitStore(db.pool).apply([
      { key: endpoint.id, events: [{ type: 'force', to: 'forced_open' }] },
    ])
    const id = await owe(db.pool, endpoint)
    await expire(id)
    expect(await claim(db.pool)).toEqual([])
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 1, cancelled: 0 })
    expect(await fate(id)).toEqual(expired)
  })

  it('ends what expired behind the head of its ordering key, and leaves the head', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const scheduledAt = new Date(Date.now() + 3_600_000)
    const head = await owe(db.pool, endpoint, { orderingKey: 'k', scheduledAt })
    const second = await owe(db.pool, endpoint, { orderingKey: 'k' })
    await expire(second)
    expect(await claim(db.pool)).toEqual([])
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 1, cancelled: 0 })
    expect(await fate(second)).toEqual(expired)
    expect(await fate(head)).toMatchObject({ status: 'pending', queued: 'pending' })
  })

  it('cancels what a deleted endpoint is owed, without a dead letter', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const ids = [await owe(db.pool, endpoint), await owe(db.pool, endpoint, { orderingKey: 'k' })]
    await endpoints.remove(endpoint.appId, endpoint.id)
    expect(await claim(db.pool)).toEqual([])
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 0, cancelled: 2 })
    for (const id of ids) expect(await fate(id)).toEqual({ status: 'cancelled', reason: null, queued: null })
  })

  it('leaves leased deliveries to whoever holds them', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const id = await owe(db.pool, endpoint)
    const [item] = await claim(db.pool)
    await endpoints.remove(endpoint.appId, endpoint.id)
    await expire(id)
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 0, cancelled: 0 })
    expect(await fate(id)).toEqual({ status: 'pending', reason: null, queued: 'processing' })
    if (item) await completeDeliveries(db.pool, [outcome(item)], [], { prepared: false })
    expect(await fate(id)).toEqual({ status: 'delivered', reason: null, queued: null })
  })

  it('takes a delivery that halts its key out of the queue of a deleted endpoint, and leaves what is written of it', async () => {
    const endpoint = await insertEndpoint(db.pool, { orderingOnFailure: 'halt' })
    const id = await owe(db.pool, endpoint, { orderingKey: 'k' })
    const [item] = await claim(db.pool)
    if (item)
      await completeDeliveries(db.pool, [failedOutcome(item, { halt: true })], [], { prepared: false })
    expect(await fate(id)).toEqual({ status: 'failed', reason: 'exhausted', queued: 'halted' })
    await endpoints.remove(endpoint.appId, endpoint.id)
    await sweepDeliveries(db.pool)
    expect(await fate(id)).toEqual({ status: 'failed', reason: 'exhausted', queued: null })
  })

  it('takes out what halted its key while its endpoint was told to go on', async () => {
    const endpoint = await insertEndpoint(db.pool, { orderingOnFailure: 'halt' })
    const id = await owe(db.pool, endpoint, { orderingKey: 'k' })
    const [item] = await claim(db.pool)
    await endpoints.update(endpoint.appId, endpoint.id, { ...endpoint, orderingOnFailure: 'continue' })
    if (item)
      await completeDeliveries(db.pool, [failedOutcome(item, { halt: true })], [], { prepared: false })
    const behind = await owe(db.pool, endpoint, { orderingKey: 'k' })
    expect(await claim(db.pool)).toEqual([])
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 0, cancelled: 0 })
    expect(await fate(id)).toEqual({ status: 'failed', reason: 'exhausted', queued: null })
    expect((await claim(db.pool)).map((claimed) => claimed.id)).toEqual([behind])
    await db.pool.query('delete from posthorn.delivery_queue')
  })

  it('keeps the last error of a delivery that had been tried', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const id = await owe(db.pool, endpoint)
    const [item] = await claim(db.pool)
    if (!item) throw new Error('nothing was claimed')
    const again = failedOutcome(item, { next: 'pending', delayMs: 3_600_000, deadLetter: null })
    await completeDeliveries(db.pool, [again], [], { prepared: false })
    await expire(id)
    expect(await sweepDeliveries(db.pool)).toEqual({ expired: 1, cancelled: 0 })
    expect(
      await rowsOf(
        db.pool,
        'select failure, error, attempts from posthorn.dead_letters where delivery_id = $1',
        [id],
      ),
    ).toEqual([{ failure: 'http_5xx', error: 'It answered 503.', attempts: 1 }])
  })

  it('ends each delivery once when several sweep at the same time, a bounded number at a time', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const ids = await Promise.all(Array.from({ length: 60 }, () => owe(db.pool, endpoint)))
    await db.pool.query('update posthorn.delivery_queue set expires_at = now() where id = any($1)', [ids])
    expect(await sweepDeliveries(db.pool, 10)).toEqual({ expired: 10, cancelled: 0 })
    const reports = await Promise.all(Array.from({ length: 4 }, () => sweepDeliveries(db.pool)))
    const last = await sweepDeliveries(db.pool)
    expect([...reports, last].reduce((sum, report) => sum + report.expired, 10)).toBe(60)
    expect(
      await count(db.pool, 'dead_letters', `delivery_id in (${ids.map((id) => `'${id}'`).join(',')})`),
    ).toBe(60)
  })
})
