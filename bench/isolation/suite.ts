import { setTimeout as sleep } from 'node:timers/promises'
import { DELIVERY_ENTRIES } from '../delivery/contenders/index.ts'
import { makeBody } from '../delivery/jobs.ts'
import { openWorkerProcess } from '../delivery/worker.ts'
import type { Child } from '../machine/children.ts'
import { messageOf, waitUntil } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import { openNeighbourhood } from '../ours/isolation.ts'
import type { Gate, Measurement, SuiteResult } from '../report/measurements.ts'
import { percentile } from '../report/statistics.ts'
import { startTimingSink, type TimingSink } from '../sink/sink.ts'
import { type BlackHole, startBlackHole } from './black-hole.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

const LONGEST_P99_MS = 1_000
const WARM_UP_EVENTS = 20

/** How long others wait while one endpoint hangs and has a long backlog. */
export async function runIsolation(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const scenario of rotate(SCENARIOS, round)) {
      const measurement: Measurement = { contender: 'posthorn', cell: scenario.name, round, values: {} }
      const database = `isolation_${round}_${SCENARIOS.indexOf(scenario)}`
      try {
        measurement.values = await runScenario(scenario, database, options, cluster)
        const { p50, p99 } = measurement.values
        progress(
          `isolation, round ${round + 1}, ${scenario.name}: p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms`,
        )
      } catch (error) {
        measurement.error = messageOf(error)
        progress(`isolation, round ${round + 1}, ${scenario.name}: FAILED, ${measurement.error}`)
      }
      measurements.push(measurement)
    }
  }
  const { backlog, endpoints, ratePerSecond, durationMs } = options.isolation
  return {
    suite: 'isolation',
    title: `isolation: ${ratePerSecond} events a second for ${durationMs / 1_000} s to ${endpoints} endpoints beside one that hangs`,
    notes: [
      `the one that hangs has ${backlog.toLocaleString('en').replaceAll(',', ' ')} deliveries due, all of them before the others'`,
      'enqueued from another process than the worker; from before the enqueue call to the whole request at the sink',
    ],
    metrics: [
      { key: 'p50', header: 'p50 ms', digits: 1 },
      { key: 'p99', header: 'p99 ms', digits: 1 },
      { key: 'max', header: 'max ms', digits: 1 },
      { key: 'hanging', header: 'hanging requests', digits: 0 },
    ],
    ours: 'posthorn',
    measurements,
    gates: [gateOf(measurements)],
  }
}

function gateOf(measurements: readonly Measurement[]): Gate {
  const worst = Math.max(...measurements.map(({ values }) => values.p99 ?? Number.POSITIVE_INFINITY))
  return {
    text: `p99 of the others under ${LONGEST_P99_MS} ms in every round (worst ${worst.toFixed(1)} ms)`,
    isMet: worst < LONGEST_P99_MS,
  }
}

async function runScenario(
  scenario: Scenario,
  database: string,
  options: BenchOptions,
  cluster: Cluster,
): Promise<Record<string, number>> {
  const [entry] = DELIVERY_ENTRIES.filter(({ contender }) => contender === 'posthorn')
  if (entry === undefined) throw new Error('there is no worker of ours')
  const scene = { connectionString: await cluster.createDatabase(database), redisUrl: undefined }
  const sink = await startTimingSink()
  const hole = await startBlackHole()
  const neighbourhood = await openNeighbourhood(scene.connectionString)
  let worker: Child | undefined
  try {
    await neighbourhood.settle(sink.origin, options.isolation.endpoints)
    if (scenario.hanging !== undefined)
      await neighbourhood.flood(hole.origin, options.isolation.backlog, scenario.hanging)
    await cluster.checkpoint()
    worker = await openWorkerProcess(entry, scene, sink.origin, 0)
    worker.send({ kind: 'start' })
    const publish = (seq: number) => neighbourhood.publish(seq, makeBody(seq))
    await warmUp(publish, sink, scenario.hanging === undefined ? undefined : hole)
    return { ...(await measure(publish, sink, options)), hanging: hole.held() }
  } finally {
    await neighbourhood.close()
    await worker?.stop()
    await hole.stop()
    await sink.stop()
    await cluster.dropDatabase(database)
  }
}

type Publish = (seq: number) => Promise<unknown>

/** Until connections are open, and until what hangs has begun to. */
async function warmUp(publish: Publish, sink: TimingSink, hole: BlackHole | undefined): Promise<void> {
  for (let seq = 0; seq < WARM_UP_EVENTS; seq++) await publish(seq)
  await waitUntil(async () => (await sink.count()) >= WARM_UP_EVENTS && (hole?.held() ?? 1) > 0, {
    intervalMs: 20,
    timeoutMs: 20_000,
    what: () => 'the first deliveries',
  })
  await sink.reset()
}

async function measure(
  publish: Publish,
  sink: TimingSink,
  options: BenchOptions,
): Promise<Record<string, number>> {
  const { ratePerSecond, durationMs } = options.isolation
  const total = Math.round((durationMs / 1_000) * ratePerSecond)
  const publishedAt: number[] = []
  const published: Promise<unknown>[] = []
  const start = performance.now()
  for (let seq = 0; seq < total; seq++) {
    // On schedule, whatever the last call took: a slow one delays nobody else's.
    await sleep(Math.max(0, start + (seq * 1_000) / ratePerSecond - performance.now()))
    publishedAt[seq] = Number(process.hrtime.bigint() / 1_000n)
    published.push(publish(seq))
  }
  await Promise.all(published)
  await waitUntil(async () => (await sink.count()) >= total, {
    intervalMs: 20,
    timeoutMs: 60_000,
    what: () => `receiving ${total} events`,
  })
  const receipts = await sink.receipts()
  const latencies = publishedAt.map((sent, seq) => ((receipts.get(seq) ?? Number.NaN) - sent) / 1_000)
  if (latencies.some(Number.isNaN)) throw new Error(`verification: ${receipts.size} of ${total} events`)
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    max: Math.max(...latencies),
  }
}
