import { join } from 'node:path'
import { type Child, startChild } from '../machine/children.ts'
import { messageOf } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import { withPosthorn } from '../ours/engine.ts'
import { type Gate, linesOf, type Measurement, metricOf, type SuiteResult } from '../report/measurements.ts'
import type { CallerConfig } from './caller-process.ts'

const BARE = 'undici'
const OURS = 'posthorn'
const IN_FLIGHT = 100
const MOST_ADDED = { p50: 1, p99: 5 }
const LONGEST_CHECK_MS = 5

const CELLS = ['after a while', 'at once', 'circuit open'] as const
const LIMIT_MS = 120_000

/** What a call costs over bare undici to the same healthy app, and what an open circuit costs. */
export async function runCalls(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  const ways = CELLS.flatMap((cell) =>
    (cell === 'circuit open' ? [OURS] : [BARE, OURS]).map((contender) => ({ cell, contender })),
  )
  const connectionString = await cluster.createDatabase('calls')
  await withPosthorn(connectionString, (posthorn) => posthorn.migrate())
  const app = await startChild(join(import.meta.dirname, 'app-process.ts'), {})
  const { port } = await app.receive('listening', 10_000)
  const caller = await startChild(join(import.meta.dirname, 'caller-process.ts'), {
    ...{ connectionString, origin: `http://127.0.0.1:${String(port)}` },
    ...{ calls: options.calls.count, inFlight: IN_FLIGHT },
  } satisfies CallerConfig)
  await caller.receive('ready', 30_000)
  // Compiles what will be measured, and opens the connections.
  for (const { cell, contender } of ways) await caller.ask(`${contender} ${cell}`, LIMIT_MS)
  for (let round = 0; round < options.rounds; round++) {
    for (const { cell, contender } of rotate(ways, round)) {
      measurements.push(await measured(caller, { cell, contender, round }))
    }
  }
  await caller.stop()
  await app.stop()
  await cluster.dropDatabase('calls')
  return {
    suite: 'calls',
    title: `calls: ${options.calls.count} POSTs of 1 KiB to one healthy app, ${IN_FLIGHT} in flight, the answer parsed`,
    notes: [
      'posthorn: the delegator with circuits, records and statistics in PostgreSQL, each call signed',
      '"after a while": the app takes 20 ms. "at once": the caller is the bottleneck, and a duration is the processor time of all in flight',
      '"circuit open": no request is made; what is left is the check and the fallback',
    ],
    metrics: [
      { key: 'p50', header: 'p50 ms', digits: 2, ratio: 'p50' },
      { key: 'p99', header: 'p99 ms', digits: 2, ratio: 'p99' },
      { key: 'cpu', header: 'CPU µs', digits: 0, ratio: 'CPU' },
    ],
    ours: OURS,
    measurements,
    gates: gatesOf(measurements),
  }
}

async function measured(
  caller: Child,
  of: Pick<Measurement, 'cell' | 'contender' | 'round'>,
): Promise<Measurement> {
  const { cell, contender, round } = of
  try {
    const { p50, p99, cpu } = await caller.ask(`${contender} ${cell}`, LIMIT_MS)
    const values = { p50: Number(p50), p99: Number(p99), cpu: Number(cpu) }
    progress(
      `calls, round ${round + 1}, ${contender} ${cell}: p50 ${values.p50.toFixed(2)} ms, p99 ${values.p99.toFixed(2)} ms`,
    )
    return { ...of, values }
  } catch (error) {
    progress(`calls, round ${round + 1}, ${contender} ${cell}: FAILED, ${messageOf(error)}`)
    return { ...of, error: messageOf(error), values: {} }
  }
}

function gatesOf(measurements: readonly Measurement[]): Gate[] {
  const lines = linesOf(measurements)
  const median = (contender: string, cell: (typeof CELLS)[number], key: 'p50' | 'p99') => {
    const line = lines.find((each) => each.contender === contender && each.cell === cell)
    return (line && metricOf(line, key)?.median) ?? Number.NaN
  }
  const added = (key: 'p50' | 'p99') =>
    median(OURS, 'after a while', key) - median(BARE, 'after a while', key)
  const overhead = (['p50', 'p99'] as const).map((key) => ({
    text: `a call costs at most ${MOST_ADDED[key]} ms more than bare undici at ${key}: ${added(key).toFixed(2)} ms`,
    isMet: added(key) <= MOST_ADDED[key],
  }))
  const check = median(OURS, 'circuit open', 'p99')
  return [
    ...overhead,
    {
      text: `an open circuit answers within ${LONGEST_CHECK_MS} ms at p99: ${check.toFixed(2)} ms`,
      isMet: check <= LONGEST_CHECK_MS,
    },
  ]
}
