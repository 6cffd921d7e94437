import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver, type Reply } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { shownId } from './support/observer.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const EVENTS = 40
const SLOTS = 8

it('a worker frozen past its leases neither sends again nor overwrites what another has finished', async () => {
  await using database = await createTestDatabase()
  const thaw = Promise.withResolvers<Reply>()
  // Who asks first waits for an answer until after the freeze; who comes later is answered at once.
  await using receiver = await createReceiver({
    keepBodies: false,
    script: ({ number }) => (number <= SLOTS ? thaw.promise : {}),
  })
  // Time enough to freeze it while its first requests are under way.
  await using stack = await Stack.open(database.url, { WEBHOOK_DELIVERY_TIMEOUT: '4000' })
  const { observer } = stack
  await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url(), ['*'])
  const frozen = await stack.worker({ QUEUE_CONCURRENCY: String(SLOTS) })
  await publish(stack.ingestUrl, 'work', EVENTS)
  await receiver.waitFor(SLOTS)
  // It holds more than it has slots for: these must not go out once it thaws.
  await until('it has claimed ahead', async () => (await observer.census()).leased > SLOTS)
  frozen.signal('SIGSTOP')
  const held = receiver.ids()

  const other = await stack.worker()
  await until('the other has finished everything', async () => (await observer.census()).queued === 0)
  const requests = receiver.received().length
  const attempts = () =>
    observer.list(
      `select ${shownId('dlv', 'delivery_id')} from posthorn.attempts where worker_id like '%:' || $1::text || ':%'`,
      [frozen.pid],
    )
  expect(requests).toBe(EVENTS + SLOTS)
  expect(await attempts()).toEqual([])

  // The late answers are failures: were they believed, the deliveries would be tried again.
  thaw.resolve({ status: 503 })
  await until('the late answers are sent', () => receiver.received().every(({ end }) => end !== undefined))
  frozen.signal('SIGCONT')
  await until('its attempts are recorded', async () => (await attempts()).length >= SLOTS)

  expect((await attempts()).toSorted()).toEqual(held.toSorted())
  // It lives, and works on: alone now, it takes what comes.
  await other.kill()
  await publish(stack.ingestUrl, 'later', 20)
  await until('it delivers what comes later', async () => {
    const { byStatus } = await observer.census()
    return byStatus['delivered'] === EVENTS + 20
  })
  expect(await observer.census()).toMatchObject({ byStatus: { delivered: EVENTS + 20 }, queued: 0 })
  expect(receiver.received()).toHaveLength(requests + 20)
  expect(await observer.count('select count(*) from posthorn.deliveries where attempt_count <> 1')).toBe(0)
  expect(await observer.count('select count(*) from posthorn.dead_letters')).toBe(0)
  expect(receiver.duplicates()).toEqual([])
})
