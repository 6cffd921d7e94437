import { openCounter } from '../delivery/counting.ts'
import { messageOf } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import { startIngestProcess } from '../ours/ingest.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import { requestBody } from './event.ts'
import { load } from './load.ts'
import { startNaive, startWithoutDatabase } from './peers.ts'
import type { IngestServer } from './server.ts'

interface Entry {
  label: string
  start(connectionString: string): Promise<IngestServer>
}

const ENTRIES: Entry[] = [
  { label: 'posthorn', start: (connectionString) => startIngestProcess(connectionString, 0) },
  { label: 'posthorn, fan-out 1', start: (connectionString) => startIngestProcess(connectionString, 1) },
  { label: 'fastify, INSERT per request', start: startNaive },
  { label: 'fastify, no database (limit)', start: startWithoutDatabase },
]

/** Events over HTTP, answered after their commit. */
export async function runIngest(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of rotate(ENTRIES, round)) {
      const found = await runServer(entry, round, options, cluster)
      measurements.push(...found)
      for (const { cell, error, values } of found)
        progress(
          `ingest, round ${round + 1}, ${entry.label}, ${cell}: ${error ?? `${values.rate?.toFixed(0)}/s`}`,
        )
    }
  }
  return {
    suite: 'ingest',
    title: 'ingest: POST of a 1 KiB event, answered after its commit',
    notes: [
      'load: own generator (raw sockets, closed loop) in its own process',
      "'posthorn' has no matching endpoint (fan-out 0: event rows only); 'fan-out 1' writes a delivery with each event",
      'the naive server writes the same row with the same indexes; rows on disk are compared with 2xx answers',
      'CPU in µs per request',
    ],
    metrics: [
      { key: 'rate', header: 'requests/s', digits: 0, ratio: 'rate' },
      { key: 'p50', header: 'p50 ms', digits: 1, ratio: 'p50' },
      { key: 'p99', header: 'p99 ms', digits: 1, ratio: 'p99' },
      { key: 'totalCpu', header: 'CPU µs', digits: 0, ratio: 'CPU' },
      { key: 'serverCpu', header: 'server µs', digits: 0 },
      { key: 'postgresCpu', header: 'postgres µs', digits: 0 },
    ],
    ours: 'posthorn',
    ceiling: 'fastify, no database (limit)',
    measurements,
  }
}

async function runServer(
  entry: Entry,
  round: number,
  options: BenchOptions,
  cluster: Cluster,
): Promise<Measurement[]> {
  const database = `ingest_${round}_${ENTRIES.indexOf(entry)}`
  const cells = options.ingest.connections.map((connections) => ({
    connections,
    name: `${connections} connections`,
  }))
  const failed = (error: unknown): Measurement[] =>
    cells.map(({ name }) => ({
      contender: entry.label,
      cell: name,
      round,
      error: messageOf(error),
      values: {},
    }))
  let server: IngestServer | undefined
  try {
    const connectionString = await cluster.createDatabase(database)
    server = await entry.start(connectionString)
    const measurements: Measurement[] = []
    for (const { connections, name } of cells) {
      const measurement: Measurement = { contender: entry.label, cell: name, round, values: {} }
      await cluster.checkpoint()
      try {
        measurement.values = await runCell(server, connections, connectionString, options, cluster)
      } catch (error) {
        measurement.error = messageOf(error)
      }
      measurements.push(measurement)
    }
    return measurements
  } catch (error) {
    return failed(error)
  } finally {
    await server?.stop()
    await cluster.dropDatabase(database)
  }
}

async function runCell(
  server: IngestServer,
  connections: number,
  connectionString: string,
  options: BenchOptions,
  cluster: Cluster,
): Promise<Record<string, number>> {
  const { port, path, headers, rowsQuery } = server
  const counter = await openCounter(connectionString)
  try {
    const countRows = () => (rowsQuery === undefined ? Promise.resolve(0) : counter.query(rowsQuery))
    const rowsBefore = await countRows()
    const { durationMs, warmUpMs } = options.ingest
    const config = { port, path, headers, body: requestBody(), connections, warmUpMs, durationMs }
    const { values, accepted } = await load(config, server.pid, cluster)
    const rows = (await countRows()) - rowsBefore
    if (rowsQuery !== undefined && rows !== accepted)
      throw new Error(`verification: ${rows} rows on disk for ${accepted} answers of 2xx`)
    return values
  } finally {
    await counter.close()
  }
}
