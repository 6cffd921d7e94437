import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver, type ReceivedRequest, type Reply } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { shownId } from './support/observer.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const EVENTS = 1_500

it('never has a delivery under way twice while three workers take from one queue', async () => {
  await using database = await createTestDatabase()
  const underWay = new Map<string, number>()
  const overlaps: string[] = []
  const script = async (request: ReceivedRequest): Promise<Reply> => {
    const id = request.id ?? ''
    const others = underWay.get(id) ?? 0
    if (others > 0) overlaps.push(id)
    underWay.set(id, others + 1)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    underWay.set(id, (underWay.get(id) ?? 1) - 1)
    // Some come back, so that claims meet retries and completions of the same rows.
    return { status: request.seen === 1 && Math.random() < 0.2 ? 503 : 200 }
  }
  await using receiver = await createReceiver({ keepBodies: false, script })
  // A lease that no pause of a busy machine outlasts.
  await using stack = await Stack.open(database.url, {
    WEBHOOK_DELIVERY_TIMEOUT: '20000',
    QUEUE_CONCURRENCY: '64',
  })
  const { observer } = stack
  await stack.ingest()
  for (const path of ['/a', '/b']) {
    await subscribe(stack.ingestUrl, receiver.url(path), ['*'], {
      maxConcurrency: 64,
      retry: { delays: [20], maxAttempts: 10 },
    })
  }
  await Promise.all([stack.worker(), stack.worker(), stack.worker()])
  const sooner = publish(stack.ingestUrl, 'work', EVENTS / 3)
  await Promise.all([
    sooner,
    publish(stack.ingestUrl, 'work', EVENTS / 3),
    publish(stack.ingestUrl, 'work', EVENTS / 3),
  ])
  await until('everything is delivered', async () => (await observer.census()).queued === 0)

  expect(overlaps).toEqual([])
  expect((await observer.census()).byStatus).toEqual({ delivered: EVENTS * 2 })
  expect(receiver.duplicates()).toEqual([])
  const logged = await observer.list(
    `select ${shownId('dlv', 'delivery_id')} || ' ' || count(*) from posthorn.attempts group by delivery_id`,
  )
  const arrived = receiver.ids().map((id) => `${id} ${receiver.receivedWithId(id).length}`)
  expect(logged.toSorted()).toEqual(arrived.toSorted())
  const busy = await observer.count('select count(distinct worker_id) from posthorn.attempts')
  expect(busy, 'workers that had a part in it').toBe(3)
})
