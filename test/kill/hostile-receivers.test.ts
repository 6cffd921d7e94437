import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { ANSWERS, HostileServer, TAKEN } from './support/hostile-server.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const PATHS = Object.keys(ANSWERS)
const EVENTS = 12
/** Of an answer no more than this is kept, and of bytes that are no text each becomes a character of three. */
const KEPT_BYTES = 4_096 * 3

interface Kept {
  readonly path: string
  readonly status: string
  readonly attempts: number
  readonly successes: number
  readonly longest: number
}

it('nothing that receivers send ends the worker, holds up others or cannot be kept', async () => {
  await using database = await createTestDatabase()
  await using hostile = await HostileServer.listen()
  await using receiver = await createReceiver({ keepBodies: false })
  await using stack = await Stack.open(database.url)
  const { observer } = stack
  await stack.ingest()
  for (const path of PATHS) {
    await subscribe(stack.ingestUrl, hostile.url(path), ['*'], { retry: { delays: [50], maxAttempts: 2 } })
  }
  // In one process with those that flood: its own requests must not run out of time while that has its hands full.
  await subscribe(stack.ingestUrl, receiver.url(), ['*'], { timeoutMs: 30_000 })
  const worker = await stack.worker()
  await publish(stack.ingestUrl, 'work', EVENTS)
  await until('everything has come to an end', async () => (await observer.census()).queued === 0)
  // Beside and after all this, a good receiver gets what is its.
  await publish(stack.ingestUrl, 'later', EVENTS)
  await receiver.waitFor(EVENTS * 2, { timeoutMs: 30_000 })
  await until('the rest has come to an end', async () => (await observer.census()).queued === 0)
  expect(worker.isRunning, worker.lastWords).toBe(true)
  expect(receiver.duplicates()).toEqual([])

  const { rows } = await observer.pool.query<Kept>(
    `select e.url as path, d.status, count(*)::int as attempts, count(*) filter (where a.success)::int as successes,
            coalesce(max(octet_length(a.response_body)), 0)::int as longest
       from posthorn.deliveries d join posthorn.endpoints e on e.id = d.endpoint_id
       join posthorn.attempts a on a.delivery_id = d.id group by 1, 2 order by 1`,
  )
  const kept = new Map(rows.map((row) => [new URL(row.path).pathname, row]))
  for (const path of PATHS) {
    const row = kept.get(path)
    if (TAKEN.includes(path)) {
      expect(row, path).toMatchObject({ status: 'delivered', attempts: EVENTS * 2, successes: EVENTS * 2 })
    } else {
      expect(row, path).toMatchObject({ status: expect.stringMatching(/^(failed|dead)$/), successes: 0 })
      expect(row?.attempts, path).toBeGreaterThanOrEqual(EVENTS * 2)
    }
    expect(row?.longest, path).toBeLessThanOrEqual(KEPT_BYTES)
  }
  expect(rows).toHaveLength(PATHS.length + 1)
  const ended = `select count(*) from posthorn.deliveries where status in ('failed', 'dead')`
  expect(await observer.count('select count(*) from posthorn.dead_letters')).toBe(await observer.count(ended))
  const bodies = await observer.list(
    `select distinct a.response_body from posthorn.attempts a join posthorn.endpoints e on e.id = a.endpoint_id
      where a.status_code = 500 and e.url like '%/nul-and-bad-utf8'`,
  )
  expect(bodies).toHaveLength(1)
  expect(bodies[0]).toMatch(/^before\ufffd+$/)
})
