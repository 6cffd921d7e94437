import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { Senders } from './support/senders.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

/** Ended by itself, and within its grace period: past it the code would be 1. */
const IN_ORDER = { code: 0, signal: null }

it('a worker asked to stop hands everything back, also what hangs, and burns no attempt', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({
    keepBodies: false,
    routes: { '/busy': () => ({ delayMs: 50 + Math.random() * 150 }), '/hanging': { hang: true } },
  })
  await using stack = await Stack.open(database.url, {
    WEBHOOK_DELIVERY_TIMEOUT: '60000',
    SHUTDOWN_GRACE: '3000',
  })
  const { observer } = stack
  await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url('/busy'), ['busy'], { maxConcurrency: 64 })
  await subscribe(stack.ingestUrl, receiver.url('/hanging'), ['hanging'])
  const worker = await stack.worker()
  await publish(stack.ingestUrl, 'hanging', 100)
  await publish(stack.ingestUrl, 'busy', 1_500)
  await until('much is in flight', () => receiver.inFlight >= 60 && receiver.received('/busy').length > 200)
  await receiver.waitFor(16, { path: '/hanging' })

  expect(await worker.terminate(), worker.lastWords).toEqual(IN_ORDER)

  expect(await observer.census()).toMatchObject({ leased: 0, deliveries: 1_600 })
  // What hung for a minute was given up by us: that costs no attempt, and is due at once.
  const untouched = `select count(*) from posthorn.delivery_queue
    where attempt_count = 0 and claim_count = 0 and lease_token is null and next_attempt_at <= clock_timestamp()`
  const { queued } = await observer.census()
  expect(queued).toBeGreaterThanOrEqual(100)
  expect(await observer.count(untouched)).toBe(queued)
  // Requests that could end were told as what they were, so none of them is repeated.
  const { byStatus } = await observer.census()
  expect(byStatus).toEqual({ delivered: receiver.received('/busy').length, pending: queued })

  receiver.route('/hanging', {})
  await stack.worker()
  await until('the rest is delivered', async () => (await observer.census()).queued === 0)
  expect((await observer.census()).byStatus).toEqual({ delivered: 1_600 })
  expect(receiver.duplicates()).toEqual([])
  expect(await observer.count('select count(*) from posthorn.deliveries where attempt_count <> 1')).toBe(0)
})

it('ingest asked to stop answers what it has taken and ends, and none of it is lost', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({ keepBodies: false })
  await using stack = await Stack.open(database.url)
  const { observer } = stack
  const ingest = await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url(), ['*'], { maxConcurrency: 128 })
  const senders = new Senders({ ingestUrl: stack.ingestUrl, type: 'work', width: 24 })
  await until('it is busy', () => senders.accepted.length > 300)

  expect(await ingest.terminate(), ingest.lastWords).toEqual(IN_ORDER)
  await senders.stop()

  // Nobody was told that something is wrong with the request, or nothing at all after it was written.
  expect(Object.keys(senders.statuses).filter((status) => !['0', '202', '503'].includes(status))).toEqual([])
  const onDisk = await observer.list(`select 'evt_' || replace(id::text, '-', '') from posthorn.events`)
  expect(onDisk.toSorted()).toEqual(senders.eventIds.toSorted())

  await stack.worker()
  await until('everything is delivered', async () => (await observer.census()).queued === 0)
  expect(new Set(receiver.received().map(({ headers }) => headers['x-event-id']))).toEqual(
    new Set(senders.eventIds),
  )
})
