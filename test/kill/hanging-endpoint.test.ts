import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const BACKLOG = 20_000
const OTHERS = 40
const EVENTS = 50

it('an endpoint that hangs with a long backlog does not hold up the others', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({ keepBodies: false, routes: { '/hanging': { hang: true } } })
  await using stack = await Stack.open(database.url, { WEBHOOK_DELIVERY_TIMEOUT: '2000' })
  const { observer } = stack
  await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url('/hanging'), ['hanging'])
  for (let n = 0; n < OTHERS; n++) await subscribe(stack.ingestUrl, receiver.url(`/${n}`), ['others'])
  await publish(stack.ingestUrl, 'hanging', BACKLOG)
  const worker = await stack.worker()
  await receiver.waitFor(16, { path: '/hanging', timeoutMs: 30_000 })

  // All that hangs is due before any of these.
  await publish(stack.ingestUrl, 'others', EVENTS)
  const left = `select count(*) from posthorn.delivery_queue q join posthorn.endpoints e on e.id = q.endpoint_id
    where ('others' = any(e.event_types)) = $1`
  await until('the others have all of theirs', async () => (await observer.count(left, [true])) === 0)

  expect(await observer.count(left, [false])).toBe(BACKLOG)
  const done = `select count(*) from posthorn.deliveries where status = 'delivered' and attempt_count = 1`
  expect(await observer.count(done)).toBe(OTHERS * EVENTS)
  expect(receiver.duplicates()).toEqual([])
  // Nor did that take long: most of the backlog has not even been tried.
  expect(receiver.received('/hanging').length).toBeLessThan(BACKLOG / 4)
  expect(worker.isRunning, worker.lastWords).toBe(true)
})
