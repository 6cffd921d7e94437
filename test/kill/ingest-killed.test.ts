import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { subscribe } from './support/api.ts'
import { shownId } from './support/observer.ts'
import { Senders } from './support/senders.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const ROUNDS = 3

it('has every accepted event on disk with its delivery, however often ingest is killed', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({ keepBodies: false })
  await using stack = await Stack.open(database.url)
  let ingest = await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url(), ['*'], { maxConcurrency: 128 })
  const plain = new Senders({ ingestUrl: stack.ingestUrl, type: 'plain', width: 12 })
  const keyed = new Senders({ ingestUrl: stack.ingestUrl, type: 'keyed', width: 8, keyed: true })

  for (let round = 0; round < ROUNDS; round++) {
    const wanted = plain.accepted.length + 20 + Math.floor(Math.random() * 400)
    await until('more is accepted', () => plain.accepted.length >= wanted)
    await ingest.kill()
    ingest = await stack.ingest()
  }
  await until('keys are accepted', () => keyed.accepted.length > 50)
  await Promise.all([plain.stop(), keyed.stop()])

  const eventIds = new Set([...plain.eventIds, ...keyed.eventIds])
  const owed = new Set(
    await stack.observer.list(
      `select ${shownId('evt', 'e.id')} from posthorn.events e
         join posthorn.deliveries d on d.event_id = e.id join posthorn.delivery_queue q on q.id = d.id`,
    ),
  )
  expect([...eventIds].filter((id) => !owed.has(id))).toEqual([])
  // Also what nobody was answered is whole or not there at all.
  const { events, deliveries, queued } = await stack.observer.census()
  expect({ deliveries, queued }).toEqual({ deliveries: events, queued: events })
  expect(plain.statuses[0], 'requests were cut off').toBeGreaterThan(0)

  const idsOfKey = Map.groupBy(keyed.accepted, ({ key }) => key)
  for (const [key, answers] of idsOfKey) {
    expect(new Set(answers.map(({ answer }) => answer.body['id'])).size, key).toBe(1)
  }
  expect(await stack.observer.count(`select count(*) from posthorn.events where event_type = 'keyed'`)).toBe(
    idsOfKey.size,
  )
  expect(await stack.observer.count('select count(*) from posthorn.idempotency_keys')).toBe(idsOfKey.size)

  await stack.worker()
  await until('everything is delivered', async () => (await stack.observer.census()).queued === 0)
  const received = Map.groupBy(receiver.received(), ({ headers }) => String(headers['x-event-id']))
  expect([...eventIds].filter((id) => !received.has(id))).toEqual([])
  expect((await stack.observer.census()).byStatus).toEqual({ delivered: events })
  expect(receiver.duplicates()).toEqual([])
})
