import { join } from 'node:path'
import { type Child, startChild } from '../machine/children.ts'
import { messageOf } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import { withPosthorn } from '../ours/engine.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import type { CallerConfig } from './caller-process.ts'
import { CELLS } from './cells.ts'
import { BARE, gatesOf, IN_FLIGHT, OURS } from './gates.ts'

const LIMIT_MS = 120_000

/** What a call costs over bare undici to the same healthy app, and what an open circuit costs. */
export async function runCalls(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  const ways = CELLS.flatMap(({ name, capability }) =>
    (capability === 'open' ? [OURS] : [BARE, OURS]).map((contender) => ({ cell: name, contender }) as const),
  )
  const connectionString = await cluster.createDatabase('calls')
  await withPosthorn(connectionString, (posthorn) => posthorn.migrate())
  const app = await startChild(join(import.meta.dirname, 'app-process.ts'), {})
  const { port } = await app.receive('listening', 10_000)
  const start = async (contender: CallerConfig['contender']) => {
    const caller = await startChild(join(import.meta.dirname, 'caller-process.ts'), {
      ...{ contender, connectionString, origin: `http://127.0.0.1:${String(port)}` },
      ...{ calls: options.calls.count, inFlight: IN_FLIGHT },
    } satisfies CallerConfig)
    await caller.receive('ready', 30_000)
    return caller
  }
  const callers = { [BARE]: await start(BARE), [OURS]: await start(OURS) }
  // Compiles what will be measured.
  for (const { cell, contender } of ways) await callers[contender].ask(cell, LIMIT_MS)
  for (let round = 0; round < options.rounds; round++) {
    for (const { cell, contender } of rotate(ways, round)) {
      measurements.push(await measured(callers[contender], { cell, contender, round }))
    }
  }
  for (const caller of Object.values(callers)) await caller.stop()
  await app.stop()
  await cluster.dropDatabase('calls')
  return {
    suite: 'calls',
    title: `calls: ${options.calls.count} POSTs of 1 KiB to one healthy app by ${IN_FLIGHT} callers at once, the answer parsed`,
    notes: [
      'posthorn: the delegator with circuits, records and statistics in PostgreSQL, each call signed. Each contender in a process of its own',
      '"app takes 50 ms": 40 to 60, 2 000 calls a second. "20 ms": 16 to 24, 5 000 a second, which fills a core here. "at once": the caller is the bottleneck, and a duration is the processor time of all in flight',
      '"circuit open": no request is made, and each caller pauses for 50 ms between two calls. "no pause": a call waits for those of the 99 others',
      '"after 3 s": the first 100 calls to an open circuit after a silence wait for its state to be read from PostgreSQL',
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
    const { p50, p99, cpu } = await caller.ask(cell, LIMIT_MS)
    const values = { p50: Number(p50), p99: Number(p99), cpu: Number(cpu) }
    progress(
      `calls, round ${round + 1}, ${contender}, ${cell}: p50 ${values.p50.toFixed(2)} ms, p99 ${values.p99.toFixed(2)} ms`,
    )
    return { ...of, values }
  } catch (error) {
    progress(`calls, round ${round + 1}, ${contender}, ${cell}: FAILED, ${messageOf(error)}`)
    return { ...of, error: messageOf(error), values: {} }
  }
}
