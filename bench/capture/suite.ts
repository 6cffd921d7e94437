import { join } from 'node:path'
import { startChild } from '../machine/children.ts'
import { processTreeCpu } from '../machine/cpu.ts'
import { messageOf } from '../machine/deadline.ts'
import { type Cluster, queryOnce } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import type { BenchOptions } from '../options.ts'
import { startIngestProcess } from '../ours/ingest.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import type { SessionsConfig } from './sessions-process.ts'

const FOLLOWERS = 10
const DUPLICATES = 200

/** How the sessions send. */
interface Cell {
  readonly name: string
  readonly everyMs: number
}

/** Sessions that send their hooks' events while others follow: how long until an event is answered, and until it is seen. */
export async function runCapture(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const { sessions, eventsEach, everyMs } = options.capture
  const cells: Cell[] = [
    { name: `one each ${everyMs} ms`, everyMs },
    { name: 'without a pause', everyMs: 0 },
  ]
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const [at, cell] of cells.entries()) {
      const measurement: Measurement = { contender: 'posthorn', cell: cell.name, round, values: {} }
      try {
        measurement.values = await runCell(`capture_${round}_${at}`, cell, options, cluster)
        const { requestP95, streamP95 } = measurement.values
        progress(
          `capture, round ${round + 1}, ${cell.name}: answered p95 ${requestP95?.toFixed(1)} ms, seen p95 ${streamP95?.toFixed(1)} ms`,
        )
      } catch (error) {
        measurement.error = messageOf(error)
        progress(`capture, round ${round + 1}, ${cell.name}: FAILED, ${measurement.error}`)
      }
      measurements.push(measurement)
    }
  }
  return {
    suite: 'capture',
    title: `capture: ${sessions} sessions at once, ${eventsEach} events each, ${FOLLOWERS} clients of the live stream`,
    notes: [
      'answered: from before the request to the whole answer; seen: from before the request to the change at a client of the stream',
      'processing: what the service itself wrote beside each event; duplicate: one at a time, to the whole answer',
      'CPU in µs per event, of the service and PostgreSQL',
    ],
    metrics: [
      { key: 'rate', header: 'events/s', digits: 0 },
      { key: 'processingP50', header: 'processing p50', digits: 1 },
      { key: 'processingP95', header: 'p95 ms', digits: 1 },
      { key: 'requestP50', header: 'answered p50', digits: 1 },
      { key: 'requestP95', header: 'p95 ms', digits: 1 },
      { key: 'streamP50', header: 'seen p50', digits: 1 },
      { key: 'streamP95', header: 'p95 ms', digits: 1 },
      { key: 'duplicateP95', header: 'duplicate p95 ms', digits: 1 },
      { key: 'serverCpu', header: 'service µs', digits: 0 },
      { key: 'postgresCpu', header: 'postgres µs', digits: 0 },
    ],
    ours: 'posthorn',
    measurements,
  }
}

async function runCell(
  database: string,
  cell: Cell,
  options: BenchOptions,
  cluster: Cluster,
): Promise<Record<string, number>> {
  const { sessions, eventsEach } = options.capture
  const connectionString = await cluster.createDatabase(database)
  const server = await startIngestProcess(connectionString, 0)
  const config: SessionsConfig = {
    origin: `http://127.0.0.1:${server.port}`,
    headers: server.headers,
    sessions,
    eventsEach,
    everyMs: cell.everyMs,
    followers: FOLLOWERS,
    duplicates: DUPLICATES,
  }
  const process = await startChild(join(import.meta.dirname, 'sessions-process.ts'), config)
  try {
    await cluster.checkpoint()
    const before = { server: processTreeCpu(server.pid), postgres: cluster.cpu() }
    const found = await process.ask('run', eventsEach * cell.everyMs + 120_000)
    const after = { server: processTreeCpu(server.pid), postgres: cluster.cpu() }
    const of = (key: string) => Number(found[key])
    if (of('refused') > 0) throw new Error(`${of('refused')} events were refused`)
    if (of('unseen') > 0) throw new Error(`${of('unseen')} events were not seen in the stream`)
    const processing = await processingTimes(connectionString)
    if (processing.count !== of('events') + 1) {
      throw new Error(`verification: ${processing.count} events on disk of ${of('events') + 1}`)
    }
    const events = of('events') + DUPLICATES
    return {
      ...Object.fromEntries(Object.keys(found).map((key) => [key, of(key)])),
      rate: of('events') / of('seconds'),
      processingP50: processing.p50,
      processingP95: processing.p95,
      serverCpu: (after.server - before.server) / events,
      postgresCpu: (after.postgres - before.postgres) / events,
    }
  } finally {
    await process.stop()
    await server.stop()
    await cluster.dropDatabase(database)
  }
}

/** What the service wrote beside each event that it has processed. */
async function processingTimes(
  connectionString: string,
): Promise<{ count: number; p50: number; p95: number }> {
  const [row] = await queryOnce<{ count: number; p50: number; p95: number }>(
    connectionString,
    `select count(*)::int as count, percentile_cont(0.5) within group (order by processing_time_ms) as p50,
            percentile_cont(0.95) within group (order by processing_time_ms) as p95
       from posthorn.events where status = 'SUCCESS'`,
  )
  return row ?? { count: 0, p50: Number.NaN, p95: Number.NaN }
}
