import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { type Observer, shownId } from './support/observer.ts'
import type { Service } from './support/service.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const KILLS = 3
/** for three endpoints each, and more than are delivered between two kills */
const EVENTS_BETWEEN_KILLS = 300
const DELIVERIES = KILLS * EVENTS_BETWEEN_KILLS * 3

/** A worker killed, and what was leased at that moment: by it, or by those that live on. */
interface Kill {
  readonly pid: number
  readonly at: string
  readonly leased: ReadonlySet<string>
}

it('loses nothing of a killed worker, and repeats only what it had in flight', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({
    keepBodies: false,
    script: () => ({ delayMs: 50 + Math.random() * 100 }),
  })
  await using stack = await Stack.open(database.url)
  const { observer } = stack
  await stack.ingest()
  for (const path of ['/a', '/b', '/c']) {
    await subscribe(stack.ingestUrl, receiver.url(path), ['*'], { maxConcurrency: 24 })
  }
  const workers = await Promise.all([stack.worker(), stack.worker()])
  const published: string[] = []
  const kills: Kill[] = []

  for (let n = 0; n < KILLS; n++) {
    published.push(...(await publish(stack.ingestUrl, 'work', EVENTS_BETWEEN_KILLS)))
    const wanted = receiver.ids().length + Math.floor(Math.random() * 200)
    await until('much is in flight', () => receiver.ids().length >= wanted && receiver.inFlight >= 40)
    const victim = workers.shift()
    if (!victim) throw new Error('no worker is left')
    kills.push(await freezeAndKill(victim, observer))
    workers.push(await stack.worker())
  }

  await until('everything is delivered', async () => (await observer.census()).queued === 0)
  const { byStatus } = await observer.census()
  expect(byStatus).toEqual({ delivered: DELIVERIES })
  expect(new Set(receiver.received().map(({ headers }) => headers['x-event-id']))).toEqual(new Set(published))
  expect(receiver.ids()).toHaveLength(DELIVERIES)
  expect(receiver.ids().filter((id) => receiver.acceptedTimes(id) < 1)).toEqual([])

  const repeated = receiver.ids().filter((id) => receiver.receivedWithId(id).length > 1)
  expect(repeated.length, 'a kill hit requests in flight').toBeGreaterThan(0)
  const keptBySurvivors = await attemptsBeforeKills(observer, kills)
  const excused = kills.map(({ leased }, n) => leased.difference(keptBySurvivors[n] ?? new Set()))
  expect(repeated.filter((id) => !excused.some((set) => set.has(id)))).toEqual([])

  const attempts = await observer.count('select count(*) from posthorn.attempts')
  const lostAtMost = excused.reduce((sum, set) => sum + set.size, 0)
  expect(attempts).toBeGreaterThanOrEqual(DELIVERIES)
  expect(attempts).toBeGreaterThanOrEqual(receiver.received().length - lostAtMost)
  expect(await observer.count('select count(*) from posthorn.deliveries where attempt_count <> 1')).toBe(0)
})

/** Looks at what is leased between the last moment of a worker and its death, when its last statements have ended. */
async function freezeAndKill(worker: Service, observer: Observer): Promise<Kill> {
  worker.signal('SIGSTOP')
  const at = String((await observer.list('select clock_timestamp()::text'))[0])
  await until('statements under way have ended', async () => {
    const running = await observer.count(
      `select count(*) from pg_stat_activity where datname = current_database() and state = 'active'
          and wait_event_type is distinct from 'Lock' and pid <> pg_backend_pid() and query_start <= $1::timestamptz`,
      [at],
    )
    return running === 0
  })
  const leased = await observer.list(
    `select ${shownId('dlv', 'id')} from posthorn.delivery_queue where status = 'processing'`,
  )
  await worker.kill()
  return { pid: worker.pid, at, leased: new Set(leased) }
}

/** For each kill the deliveries that another worker had in flight then, and told the outcome of. */
function attemptsBeforeKills(observer: Observer, kills: readonly Kill[]): Promise<Set<string>[]> {
  return Promise.all(
    kills.map(async ({ pid, at }) => {
      const ids = await observer.list(
        `select ${shownId('dlv', 'delivery_id')} from posthorn.attempts
          where started_at < $1::timestamptz and worker_id not like '%:' || $2::text || ':%'`,
        [at, pid],
      )
      return new Set(ids)
    }),
  )
}
