import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
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
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { completeDeliveries, type DeliveryOutcome } from './completion.ts'
import { DeliveryRepository } from './delivery-repository.ts'
import { cancelDelivery, retryDelivery } from './intervene.ts'

const conflict = { code: 'conflict' }

describe('retrying and cancelling', () => {
  let db: TestDatabase
  let endpoint: Endpoint
  let deliveries: DeliveryRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    endpoint = await insertEndpoint(db.pool)
    deliveries = new DeliveryRepository(db.pool)
  })
  afterAll(() => db.drop())

  const retry = (id: string) => retryDelivery(db.pool, endpoint.appId, id, 'somebody')
  const cancel = (id: string) => cancelDelivery(db.pool, endpoint.appId, id)
  const get = async (id: string) => {
    const delivery = await deliveries.get(endpoint.appId, id)
    if (!delivery) throw new Error('the delivery is gone')
    return delivery
  }
  const finished = async (change: Partial<DeliveryOutcome> = {}, orderingKey: string | null = null) => {
    const id = await owe(db.pool, endpoint, { orderingKey })
    const item = await claimOne(db.pool)
    const made =
      change.next && change.next !== 'delivered' && change.next !== 'cancelled'
        ? failedOutcome(item, change)
        : outcome(item, change)
    await completeDeliveries(db.pool, [made], [], { prepared: false })
    return id
  }
  const deliverDue = async () => {
    const items = await claim(db.pool)
    await completeDeliveries(
      db.pool,
      items.map((item) => outcome(item)),
      [],
      { prepared: false },
    )
    return items
  }

  it('makes a waiting delivery due now', async () => {
    const id = await owe(db.pool, endpoint, { scheduledAt: new Date(Date.now() + 3_600_000) })
    expect(await claim(db.pool)).toEqual([])
    expect(await retry(id)).toMatchObject({ id, status: 'pending' })
    expect((await deliverDue()).map((item) => item.id)).toEqual([id])
  })

  it('answers with what it did, and not with what a worker did right after', async () => {
    const id = await finished({ next: 'dead' })
    const claimedAtOnce = async () => {
      for (;;) {
        const [item] = await claim(db.pool)
        if (item) return item
      }
    }
    const [delivery, item] = await Promise.all([retry(id), claimedAtOnce()])
    expect(delivery).toMatchObject({ id, status: 'pending', failedAt: null })
    expect((await get(id)).status).toBe('processing')
    await completeDeliveries(db.pool, [outcome(item)], [], { prepared: false })
  })

  it('refuses while it is being tried', async () => {
    const id = await owe(db.pool, endpoint)
    const item = await claimOne(db.pool)
    expect((await get(id)).status).toBe('processing')
    await expect(retry(id)).rejects.toMatchObject(conflict)
    await completeDeliveries(db.pool, [outcome(item)], [], { prepared: false })
  })

  it.each(['failed', 'dead'] as const)(
    'brings a %s one back under its own id, with the tries of its policy on top and a new term',
    async (next) => {
      const id = await finished({ next, attemptCount: 5 })
      const before = await get(id)
      await db.pool.query(
        `update posthorn.deliveries set expires_at = now() - interval '1 day' where id = $1`,
        [id],
      )
      await retry(id)
      expect(await get(id)).toMatchObject({
        id,
        status: 'pending',
        attemptCount: 5,
        maxAttempts: 5 + endpoint.retry.maxAttempts,
        failedAt: null,
      })
      expect((await get(id)).expiresAt.getTime()).toBeGreaterThan(
        before.createdAt.getTime() + endpoint.retry.maxAgeMs - 60_000,
      )
      expect(await deliveries.deadLetter(id)).toMatchObject({
        reason: 'exhausted',
        requeuedAt: expect.any(Date),
      })
      expect(
        await rowsOf(db.pool, 'select requeued_by from posthorn.dead_letters where delivery_id = $1', [id]),
      ).toEqual([{ requeued_by: 'somebody' }])
      const [item] = await claim(db.pool)
      expect(item).toMatchObject({ id, attemptCount: 5 })
      if (item) await completeDeliveries(db.pool, [failedOutcome(item)], [], { prepared: false })
      expect(await count(db.pool, 'dead_letters', `delivery_id = '${id}'`)).toBe(2)
      expect(await deliveries.deadLetter(id)).toMatchObject({ requeuedAt: null, attempts: 6 })
    },
  )

  it('is asked for once by two people at the same time', async () => {
    const id = await finished({ next: 'failed' })
    const results = await Promise.allSettled([retry(id), retry(id), retry(id)])
    const refused = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
    for (const reason of refused) expect(reason).toMatchObject(conflict)
    expect(await count(db.pool, 'delivery_queue', `id = '${id}'`)).toBe(1)
    expect((await get(id)).maxAttempts).toBe(1 + endpoint.retry.maxAttempts)
    await deliverDue()
  })

  it.each(['delivered', 'cancelled'] as const)('refuses one that was %s', async (next) => {
    const id = await finished({ next })
    await expect(retry(id)).rejects.toMatchObject({ ...conflict, message: expect.stringContaining(next) })
    await expect(cancel(id)).rejects.toMatchObject(conflict)
    expect((await get(id)).status).toBe(next)
  })

  it('lets a halted head go again in its place', async () => {
    const head = await finished({ next: 'failed', halt: true }, 'k')
    const second = await owe(db.pool, endpoint, { orderingKey: 'k' })
    expect(await claim(db.pool)).toEqual([])
    await retry(head)
    expect((await deliverDue()).map((item) => item.id)).toEqual([head])
    expect((await deliverDue()).map((item) => item.id)).toEqual([second])
  })

  it('sends one that was let go out of order', async () => {
    const first = await finished({ next: 'failed' }, 'k2')
    const scheduledAt = new Date(Date.now() + 3_600_000)
    const second = await owe(db.pool, endpoint, { orderingKey: 'k2', scheduledAt })
    await retry(first)
    expect((await deliverDue()).map((item) => item.id)).toEqual([first])
    await cancel(second)
  })

  it('cancels one that waits', async () => {
    const id = await owe(db.pool, endpoint)
    expect(await cancel(id)).toBe('cancelled')
    expect(await get(id)).toMatchObject({ status: 'cancelled', nextAttemptAt: null })
    expect(await claim(db.pool)).toEqual([])
    await expect(cancel(id)).rejects.toMatchObject(conflict)
  })

  it('asks for the cancellation of one that is being tried', async () => {
    const id = await owe(db.pool, endpoint)
    const item = await claimOne(db.pool)
    expect(await cancel(id)).toBe('requested')
    expect(await get(id)).toMatchObject({ status: 'processing', cancelRequested: true })
    const again = failedOutcome(item, { next: 'pending', deadLetter: null })
    await completeDeliveries(db.pool, [again], [], { prepared: false })
    expect(await get(id)).toMatchObject({ status: 'cancelled', cancelRequested: false })
  })

  it.each(['failed', 'dead'] as const)('refuses to cancel one that is %s', async (next) => {
    const id = await finished({ next })
    await expect(cancel(id)).rejects.toMatchObject(conflict)
    expect((await get(id)).status).toBe(next)
  })

  it('releases a key by cancelling the head that halts it', async () => {
    const head = await finished({ next: 'dead', halt: true }, 'k3')
    const second = await owe(db.pool, endpoint, { orderingKey: 'k3' })
    expect(await cancel(head)).toBe('cancelled')
    expect((await deliverDue()).map((item) => item.id)).toEqual([second])
    expect(await get(head)).toMatchObject({ status: 'cancelled' })
    expect(await deliveries.deadLetter(head)).toMatchObject({ discardedAt: expect.any(Date) })
  })

  it('knows nothing of deliveries of another app, or of none', async () => {
    const id = await owe(db.pool, endpoint)
    const works = [
      () => retryDelivery(db.pool, uuidv7(), id, 'x'),
      () => cancelDelivery(db.pool, uuidv7(), id),
      () => retry(uuidv7()),
      () => cancel(uuidv7()),
    ]
    for (const work of works) await expect(work()).rejects.toMatchObject({ code: 'not_found' })
    expect((await deliverDue()).map((item) => item.id)).toEqual([id])
  })
})
