import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver, type Reply } from '../../packages/testing/src/index.ts'
import { type Answer, call, KEY } from './support/api.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const ROUNDS = 2
const LANES = 12
const PER_ROUND = 150
/** Records are written four times a second; what is older than this at a kill was written long before. */
const LOST_AT_MOST_MS = 5_000

/** An answer to a call, and when it came. */
interface Answered {
  readonly answer: Answer
  readonly at: number
}

it('has each queued call, each approval and all but the last records, however ingest is killed', async () => {
  await using database = await createTestDatabase()
  await using app = await createReceiver()
  await using stack = await Stack.open(database.url)
  app.route('/answer', () => ({ status: 200, body: '{"success":true,"data":1}' }))
  app.route('/later', () => ({ status: 204 }))
  app.route('/hangs', () => new Promise<Reply>(() => undefined))
  let ingest = await stack.ingest()
  const api = `${stack.ingestUrl}/api/v1`
  const { body: made } = await call(`${api}/apps`, { name: 'An app' })
  const appUrl = `${api}/apps/${String(made['id'])}`
  await putManifest(appUrl, {
    answer: app.url('/answer'),
    later: { url: app.url('/later'), async: true },
    hangs: { url: app.url('/hangs'), timeout: 1_000, fallback: 'pending-approval' },
  })

  const answered: Answered[] = []
  const killedAt: number[] = []
  const stopping = new AbortController()
  const lane = async (n: number) => {
    const capability = ['answer', 'later', 'hangs'][n % 3] ?? ''
    while (!stopping.signal.aborted) {
      try {
        const answer = await call(`${appUrl}/capabilities/${capability}/call`, { payload: { n } })
        answered.push({ answer, at: Date.now() })
      } catch {
        // It is being killed, or starting.
        await wait(50)
      }
    }
  }
  const lanes = Array.from({ length: LANES }, (_, n) => lane(n))
  for (let round = 0; round < ROUNDS; round++) {
    const wanted = answered.length + PER_ROUND
    await until('more calls are answered', () => answered.length >= wanted)
    killedAt.push(Date.now())
    await ingest.kill()
    ingest = await stack.ingest()
  }
  const wanted = answered.length + PER_ROUND
  await until('calls are answered again', () => answered.length >= wanted)
  stopping.abort()
  await Promise.all(lanes)
  // In order this time: nothing that was answered may be missing because of it.
  await ingest.terminate()

  expect(new Set(answered.map(({ answer }) => answer.status))).toEqual(new Set([200]))
  const { observer } = stack
  const kept = async (prefix: string, table: string) =>
    new Set(await observer.list(`select '${prefix}_' || replace(id::text, '-', '') from posthorn.${table}`))
  const told = (outcome: string, field: string) =>
    answered.flatMap(({ answer: { body } }) =>
      body['outcome'] === outcome ? ((body['data'] as Record<string, string> | null)?.[field] ?? []) : [],
    )
  const queued = told('queued', 'deliveryId')
  const deliveries = await kept('dlv', 'deliveries')
  expect(queued.length).toBeGreaterThan(10)
  expect(queued.filter((id) => !deliveries.has(id))).toEqual([])
  const pending = told('fallback', 'approvalId')
  const approvals = await kept('apr', 'approvals')
  expect(pending.length).toBeGreaterThan(2)
  expect(pending.filter((id) => !approvals.has(id))).toEqual([])
  const calls = await kept('call', 'calls')
  const unrecorded = answered.filter(({ answer }) => !calls.has(String(answer.body['callId'])))
  const early = unrecorded.filter(
    ({ at }) => !killedAt.some((kill) => at <= kill + 1_000 && at >= kill - LOST_AT_MOST_MS),
  )
  expect(early.map(({ answer }) => answer.body)).toEqual([])
  expect(unrecorded.length).toBeLessThan(answered.length / 2)

  await stack.worker()
  await until('everything is delivered', async () => (await observer.census()).queued === 0)
  const received = new Set(app.received('/later').map(({ id }) => id))
  expect(queued.filter((id) => !received.has(id))).toEqual([])
})

async function putManifest(appUrl: string, webhooks: object): Promise<void> {
  const response = await fetch(`${appUrl}/manifest`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ webhooks }),
  })
  if (!response.ok) throw new Error(`the manifest was refused: ${response.status} ${await response.text()}`)
}
