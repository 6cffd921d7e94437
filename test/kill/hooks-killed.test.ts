import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { HookSenders } from './support/hook-senders.ts'
import { shownId } from './support/observer.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const ROUNDS = 3
/** What a killed process had leased comes back after half a minute. */
const LONGER_THAN_A_LEASE_MS = 120_000

it('has every hook event that it answered on disk, and a worker projects them, however often ingest is killed', {
  timeout: 240_000,
}, async () => {
  await using database = await createTestDatabase()
  await using stack = await Stack.open(database.url)
  let ingest = await stack.ingest()
  const senders = new HookSenders(stack.ingestUrl, 20)
  for (let round = 0; round < ROUNDS; round++) {
    const wanted = senders.accepted.length + 50 + Math.floor(Math.random() * 300)
    await until('more is accepted', () => senders.accepted.length >= wanted)
    await ingest.kill()
    ingest = await stack.ingest()
  }
  await senders.stop()
  expect(senders.cutOff, 'requests were cut off').toBeGreaterThan(0)

  const { observer } = stack
  const own = `posthorn.events where status <> 'DUPLICATE'`
  const taken = senders.accepted.flatMap(({ answers }) => answers.at(-1)?.body['webhookEventId'] ?? [])
  const kept = new Set(await observer.list(`select ${shownId('evt', 'id')} from ${own}`))
  expect(taken.filter((id) => !kept.has(String(id)))).toEqual([])
  expect(kept.size, 'one event for each request').toBe(senders.sent.length)

  await stack.worker()
  await until(
    'everything is projected',
    async () => (await observer.count(`select count(*) from ${own} and status <> 'SUCCESS'`)) === 0,
    LONGER_THAN_A_LEASE_MS,
  )
  expect(await observer.count('select count(*) from posthorn.projection_queue')).toBe(0)
  for (const [sessionId, events] of Map.groupBy(senders.sent, (event) => event.sessionId)) {
    const said = await observer.list(
      `select m.text from posthorn.messages m join posthorn.conversations c on c.id = m.conversation_id
        where c.session_id = $1 order by m.place`,
      [sessionId],
    )
    expect(said).toEqual(events.map(({ prompt }) => prompt))
  }
})
