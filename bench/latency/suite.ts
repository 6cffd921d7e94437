import { setTimeout as sleep } from 'node:timers/promises'
import { ATTEMPTS_DDL } from '../delivery/attempts.ts'
import type { Producer, Scene } from '../delivery/contender.ts'
import { contenderOf, type Entry, LATENCY_ENTRIES } from '../delivery/contenders/index.ts'
import { openCounter } from '../delivery/counting.ts'
import { makeJob } from '../delivery/jobs.ts'
import { openWorkerProcess } from '../delivery/worker.ts'
import type { Child } from '../machine/children.ts'
import { processTreeCpu } from '../machine/cpu.ts'
import { messageOf, waitUntil } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import { percentile } from '../report/statistics.ts'
import { startTimingSink, type TimingSink } from '../sink/sink.ts'

/** One job at a time at a low, steady rate: how long from the call that enqueues to the receiver. */
export async function runLatency(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const sink = await startTimingSink()
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of rotate(LATENCY_ENTRIES, round)) {
      const measurement: Measurement = { contender: entry.label, cell: '', round, values: {} }
      const database = `latency_${round}_${LATENCY_ENTRIES.indexOf(entry)}`
      try {
        measurement.values = await runEntry(entry, database, options, cluster, sink)
        const { p50, p99 } = measurement.values
        progress(
          `latency, round ${round + 1}, ${entry.label}: p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms`,
        )
      } catch (error) {
        measurement.error = messageOf(error)
        progress(`latency, round ${round + 1}, ${entry.label}: FAILED, ${measurement.error}`)
      }
      measurements.push(measurement)
    }
  }
  await sink.stop()
  const { ratePerSecond, durationMs } = options.latency
  return {
    suite: 'latency',
    title: `latency: enqueue to receipt, ${ratePerSecond} a second for ${durationMs / 1_000} s`,
    notes: [
      'enqueued from another process than the worker; from before the enqueue call to the whole request at the sink',
      'peers with one INSERT per attempt; CPU in µs per job, of worker and PostgreSQL',
    ],
    metrics: [
      { key: 'p50', header: 'p50 ms', digits: 1, ratio: 'p50' },
      { key: 'p99', header: 'p99 ms', digits: 1, ratio: 'p99' },
      { key: 'max', header: 'max ms', digits: 1 },
      { key: 'workerCpu', header: 'worker µs', digits: 0 },
      { key: 'postgresCpu', header: 'postgres µs', digits: 0 },
    ],
    ours: 'posthorn',
    measurements,
  }
}

async function runEntry(
  entry: Entry,
  database: string,
  options: BenchOptions,
  cluster: Cluster,
  sink: TimingSink,
): Promise<Record<string, number>> {
  const contender = contenderOf(entry)
  if (contender.openProducer === undefined) throw new Error('has no producer')
  const scene: Scene = { connectionString: await cluster.createDatabase(database), redisUrl: undefined }
  let worker: Child | undefined
  let producer: Producer | undefined
  try {
    if (entry.mode !== 'own') {
      const counter = await openCounter(scene.connectionString)
      await counter.run(ATTEMPTS_DDL)
      await counter.close()
    }
    await contender.prepare(scene)
    worker = await openWorkerProcess(entry, scene, sink.origin, 0)
    worker.send({ kind: 'start' })
    producer = await contender.openProducer(scene)
    await warmUp(producer, sink)
    return await produce(producer, sink, worker.pid, options, cluster)
  } finally {
    await producer?.close()
    await worker?.stop()
    await cluster.dropDatabase(database)
  }
}

const WARM_UP_JOBS = 20

/** The first jobs pay for connections and for a worker that is still starting; they are not counted. */
async function warmUp(producer: Producer, sink: TimingSink): Promise<void> {
  await sink.reset()
  for (let seq = 0; seq < WARM_UP_JOBS; seq++) await producer.enqueue(makeJob(seq, sink.origin))
  await waitUntil(async () => (await sink.count()) >= WARM_UP_JOBS, {
    intervalMs: 20,
    timeoutMs: 20_000,
    what: () => 'the first jobs',
  })
  await sink.reset()
}

async function produce(
  producer: Producer,
  sink: TimingSink,
  workerPid: number,
  options: BenchOptions,
  cluster: Cluster,
): Promise<Record<string, number>> {
  const { ratePerSecond, durationMs } = options.latency
  const total = Math.round((durationMs / 1_000) * ratePerSecond)
  const enqueuedAt: number[] = []
  const enqueued: Promise<unknown>[] = []
  const cpu = { worker: processTreeCpu(workerPid), postgres: cluster.cpu() }
  const start = performance.now()
  for (let seq = 0; seq < total; seq++) {
    // On schedule, whatever the last call took: a slow enqueue delays nobody else's.
    await sleep(Math.max(0, start + (seq * 1_000) / ratePerSecond - performance.now()))
    const job = makeJob(seq, sink.origin)
    enqueuedAt[seq] = Number(process.hrtime.bigint() / 1_000n)
    enqueued.push(producer.enqueue(job))
  }
  await Promise.all(enqueued)
  await waitUntil(async () => (await sink.count()) >= total, {
    intervalMs: 20,
    timeoutMs: 15_000,
    what: () => `receiving ${total} jobs`,
  })
  const workerCpu = (processTreeCpu(workerPid) - cpu.worker) / total
  const postgresCpu = (cluster.cpu() - cpu.postgres) / total
  const receipts = await sink.receipts()
  if (receipts.size !== total || (await sink.count()) !== total)
    throw new Error(`verification: ${await sink.count()} requests for ${receipts.size} of ${total} jobs`)
  const latencies = enqueuedAt.map((sent, seq) => ((receipts.get(seq) ?? Number.NaN) - sent) / 1_000)
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    max: Math.max(...latencies),
    workerCpu,
    postgresCpu,
  }
}
