import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { readConfig, serve } from '../machine/child-side.ts'
import { percentile } from '../report/statistics.ts'
import { sessionEvents } from './session.ts'
import { follow } from './stream.ts'

/** What the sessions are told. */
export interface SessionsConfig {
  readonly origin: string
  readonly headers: Record<string, string>
  readonly sessions: number
  readonly eventsEach: number
  /** time between two events of a session; 0: the next one at once */
  readonly everyMs: number
  /** clients of the live stream, of which the first is measured */
  readonly followers: number
  readonly duplicates: number
}

const config = readConfig<SessionsConfig>()
const agent = new Agent({ connections: config.sessions, pipelining: 1 })
/** When each event was sent, and when its change arrived at the first follower, by the monotonic clock. */
const sentAt = new Map<string, number>()
const arrivedAt = new Map<string, number>()
const latencies: number[] = []
const duplicateLatencies: number[] = []
let refused = 0
let waiting = 0

/** Sends one event and tells the id that it was given. */
async function send(requestId: string, body: object): Promise<{ id: string; tookMs: number }> {
  const before = performance.now()
  const answer = await request(`${config.origin}/api/v1/hooks/claude-code`, {
    method: 'POST',
    dispatcher: agent,
    headers: { ...config.headers, 'content-type': 'application/json', 'x-request-id': requestId },
    body: JSON.stringify(body),
  })
  const { webhookEventId = '' } = (await answer.body.json()) as { webhookEventId?: string }
  const tookMs = performance.now() - before
  if (answer.statusCode === 202) waiting++
  else if (answer.statusCode !== 200) refused++
  if (!sentAt.has(webhookEventId)) sentAt.set(webhookEventId, before)
  return { id: webhookEventId, tookMs }
}

async function play(at: number): Promise<void> {
  // Sessions do not begin at the same moment.
  await sleep((config.everyMs * at) / config.sessions)
  const begin = performance.now()
  for (const [n, body] of sessionEvents(randomUUID(), config.eventsEach).entries()) {
    await sleep(Math.max(0, begin + n * config.everyMs - performance.now()))
    latencies.push((await send(randomUUID(), body)).tookMs)
  }
}

/** One at a time, so that what is measured is the check and not the queue in front of it. */
async function repeat(): Promise<void> {
  const requestId = randomUUID()
  const [body = {}] = sessionEvents(randomUUID(), 1)
  await send(requestId, body)
  for (let n = 0; n < config.duplicates; n++) duplicateLatencies.push((await send(requestId, body)).tookMs)
}

serve({
  run: async () => {
    const followers = await Promise.all(
      Array.from({ length: config.followers }, (_, at) =>
        follow(config.origin, config.headers, (id) => {
          if (at === 0 && !arrivedAt.has(id)) arrivedAt.set(id, performance.now())
        }),
      ),
    )
    const start = performance.now()
    await Promise.all(Array.from({ length: config.sessions }, (_, at) => play(at)))
    const seconds = (performance.now() - start) / 1_000
    const ids = [...sentAt.keys()]
    for (let waited = 0; waited < 10_000 && ids.some((id) => !arrivedAt.has(id)); waited += 20)
      await sleep(20)
    const toStream = [...arrivedAt].flatMap(([id, at]) => {
      const sent = sentAt.get(id)
      return sent === undefined ? [] : [at - sent]
    })
    await repeat()
    for (const follower of followers) follower.close()
    return {
      events: ids.length,
      seconds,
      refused,
      waiting,
      unseen: ids.filter((id) => !arrivedAt.has(id)).length,
      requestP50: percentile(latencies, 0.5),
      requestP95: percentile(latencies, 0.95),
      streamP50: percentile(toStream, 0.5),
      streamP95: percentile(toStream, 0.95),
      duplicateP50: percentile(duplicateLatencies, 0.5),
      duplicateP95: percentile(duplicateLatencies, 0.95),
    }
  },
})
