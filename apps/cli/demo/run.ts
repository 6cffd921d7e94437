import { setTimeout as wait } from 'node:timers/promises'
import { type Audit, audit } from './audit.ts'
import { type CallsAudit, playCalls } from './calls/play.ts'
import { type CaptureAudit, playCapture } from './capture/play.ts'
import { Progress } from './progress.ts'
import { Publisher } from './publisher.ts'
import type { Receiver } from './receiver.ts'
import type { createReceivers } from './receivers.ts'
import type { ReportContext } from './report.ts'
import { EVENTS, LIMIT_MS, MOMENTS, SHORT_NOTE } from './settings.ts'
import type { CircuitNote, Stack } from './stack.ts'

/** What came of the run. */
export interface Outcome {
  readonly audit: Audit
  readonly capture: CaptureAudit
  readonly calls: CallsAudit
  readonly context: ReportContext
  /** deliveries that were not over when time ran out */
  readonly unfinished: number
}

/** The whole story: start, publish, break things on the way, wait until everything is over, and count. */
export async function runDemo(
  stack: Stack,
  receivers: ReturnType<typeof createReceivers>,
  signal: AbortSignal,
): Promise<Outcome> {
  const startedAt = performance.now()
  const progress = new Progress(signal)
  process.stdout.write(
    `Posthorn: ${EVENTS.toLocaleString('en-US').replace(',', ' ')} events to four receivers.\n`,
  )
  process.stdout.write(`${SHORT_NOTE}\n\n`)
  for (const receiver of receivers.all) await receiver.open()
  await stack.start(2)
  progress.say(
    `PostgreSQL (${stack.postgresPid}), ingest (${stack.ingestPid}) at ${stack.url} and ` +
      `${stack.workers.map((worker) => `${worker.name} (${worker.pid})`).join(', ')} run`,
  )
  const names = new Map<string, string>()
  for (const receiver of receivers.all) names.set(await stack.subscribe(receiver), receiver.spec.name)

  const publisher = new Publisher(stack)
  const show = () => progress.show(standing(publisher, receivers.all))
  const moments = script(stack, receivers.outage, progress)
  await publisher.publish(EVENTS, async (accepted) => {
    await moments(accepted / EVENTS)
    show()
  })
  await moments(1)
  progress.say('everything is published; waiting for the last deliveries')
  const unfinished = await untilOver(stack, LIMIT_MS - (performance.now() - startedAt), show)
  const deliveries = await audit(stack.pool, publisher.accepted, receivers.all)
  const seconds = (performance.now() - startedAt) / 1_000
  const capture = await playCapture(stack, progress)
  const calls = await playCalls(stack, progress)
  progress.end()
  return {
    audit: deliveries,
    capture,
    calls,
    unfinished,
    context: {
      refused: publisher.refused,
      circuits: circuitsByName(stack, names),
      seconds,
    },
  }
}

/** What goes wrong on the way, each thing once, by the share of events that is accepted. */
function script(stack: Stack, outage: Receiver, progress: Progress): (share: number) => Promise<void> {
  const scenes: [at: number, play: () => Promise<void>][] = [
    [
      MOMENTS.goesDown,
      async () => {
        await outage.close()
        progress.say(`a receiver goes down: ${outage.url} refuses connections`)
      },
    ],
    [
      MOMENTS.workerKilled,
      async () => {
        const [victim] = stack.workers
        await victim?.kill()
        progress.say(`${victim?.name} (${victim?.pid}) is killed with SIGKILL; its leases will run out`)
      },
    ],
    [
      MOMENTS.comesBack,
      async () => {
        await outage.open()
        progress.say('the receiver is back on the same port')
      },
    ],
  ]
  return async (share) => {
    while (scenes[0] !== undefined && share >= scenes[0][0]) await scenes.shift()?.[1]()
  }
}

function standing(publisher: Publisher, receivers: readonly Receiver[]) {
  return {
    published: publisher.accepted.length,
    total: EVENTS,
    delivered: receivers.reduce((sum, receiver) => sum + receiver.accepted, 0),
    owed: publisher.accepted.reduce((sum, event) => sum + event.deliveries, 0),
  }
}

/** Until no delivery waits any more; tells how many still do when time runs out. */
async function untilOver(stack: Stack, limitMs: number, show: () => void): Promise<number> {
  for (const deadline = performance.now() + limitMs; ; await wait(200)) {
    show()
    const { rows } = await stack.pool.query<{ n: number }>(
      `select count(*)::int as n from posthorn.deliveries where status = 'pending'`,
    )
    const left = rows[0]?.n ?? 0
    if (left === 0 || performance.now() > deadline) return left
  }
}

function circuitsByName(stack: Stack, names: ReadonlyMap<string, string>): Map<string, CircuitNote[]> {
  const circuits = new Map<string, CircuitNote[]>()
  for (const [id, name] of names) {
    const changes = [...stack.circuitChanges.values()].filter((change) => change.endpointId === id)
    circuits.set(
      name,
      changes.toSorted((a, b) => a.epoch - b.epoch),
    )
  }
  return circuits
}
