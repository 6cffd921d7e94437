import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { processFile } from '../processes/process-file.ts'
import { publish, subscribe } from './support/api.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const WORKER = processFile('test/kill/support/lethal-worker.ts')
const OTHERS = 200

it('a delivery that kills its worker each time ends as poisoned, and alone', {
  timeout: 90_000,
}, async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({ keepBodies: false })
  await using stack = await Stack.open(database.url)
  const { observer } = stack
  await stack.ingest()
  await subscribe(stack.ingestUrl, receiver.url('/a'), ['*'], { timeoutMs: 200 })
  await subscribe(stack.ingestUrl, receiver.url('/b'), ['good'], { timeoutMs: 200 })
  // What it is claimed with, and what comes later.
  await publish(stack.ingestUrl, 'lethal', 1)
  await publish(stack.ingestUrl, 'good', OTHERS)

  const finished = until('nothing is queued', async () => (await observer.census()).queued === 0, 75_000)
  let deaths = 0
  for (let isOver = false; !isOver; ) {
    const worker = stack.script('worker', [WORKER])
    const ended = worker.ended.then(({ signal }) => signal)
    const end = await Promise.race([ended, finished.then(() => 'finished')])
    isOver = end === 'finished'
    if (!isOver) expect(end, worker.lastWords).toBe('SIGKILL')
    if (!isOver) deaths += 1
  }

  expect(await observer.list('select reason from posthorn.dead_letters')).toEqual(['poisoned'])
  expect(deaths).toBe(10)
  expect((await observer.census()).byStatus).toEqual({ delivered: OTHERS * 2, dead: 1 })
  expect(receiver.received().filter(({ headers }) => headers['x-event-type'] === 'lethal')).toEqual([])
  expect(new Set(receiver.received('/a').map(({ id }) => id)).size).toBe(OTHERS)
})
