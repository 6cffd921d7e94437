import { startBlackHole } from '../isolation/black-hole.ts'
import { messageOf } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import type { BenchOptions } from '../options.ts'
import { startIngestProcess } from '../ours/ingest.ts'
import { type Gate, linesOf, type Measurement, metricOf, type SuiteResult } from '../report/measurements.ts'
import { percentile } from '../report/statistics.ts'
import { HookRuns } from './runs.ts'

const BARE = 'node -e 0'
const OURS = 'posthorn-hook capture'
const MOST_ADDED_MS = 50
/** Nobody listens there. */
const CLOSED = 'http://127.0.0.1:9'

/** Where a hook's events go. */
interface Place {
  readonly url: string
  readonly key: string
  close(): Promise<void>
}

type Open = (cluster: Cluster, database: string) => Promise<Place>

const PLACES: readonly (readonly [string, Open])[] = [
  [
    'server up',
    async (cluster, database) => {
      const server = await startIngestProcess(await cluster.createDatabase(database), 0)
      const close = async () => {
        await server.stop()
        await cluster.dropDatabase(database)
      }
      const key = server.headers.authorization?.replace('Bearer ', '') ?? ''
      return { url: `http://127.0.0.1:${server.port}`, key, close }
    },
  ],
  ['server down', async () => ({ url: CLOSED, key: SOME_KEY, close: async () => undefined })],
  [
    'server hanging',
    async () => {
      const hole = await startBlackHole()
      return { url: hole.origin, key: SOME_KEY, close: () => hole.stop() }
    },
  ],
]
const SOME_KEY = `phk_${'0'.repeat(32)}_${'bench'.repeat(8)}`

/** What a hook costs the tool that runs it: `capture` and a Node that does nothing, in turn. */
export async function runHook(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const [at, [cell, open]] of PLACES.entries()) {
      try {
        const place = await open(cluster, `hook_${round}_${at}`)
        const runs = new HookRuns(place.url, place.key)
        try {
          const { bare, captured } = await runs.interleaved(options.hook.runs)
          measurements.push(of(BARE, cell, round, bare), of(OURS, cell, round, captured))
          progress(
            `hook, round ${round + 1}, ${cell}: p95 ${percentile(captured, 0.95).toFixed(0)} ms, bare ${percentile(bare, 0.95).toFixed(0)} ms`,
          )
        } finally {
          await runs.close()
          await place.close()
        }
      } catch (error) {
        for (const contender of [BARE, OURS])
          measurements.push({ contender, cell, round, error: messageOf(error), values: {} })
        progress(`hook, round ${round + 1}, ${cell}: FAILED, ${messageOf(error)}`)
      }
    }
  }
  return {
    suite: 'hook',
    title: `hook: ${options.hook.runs} hooks one after the other, each a process, beside as many of a Node that does nothing`,
    notes: [
      'from starting the process to its end; each hook gets 1 KiB on its stdin, which is closed',
      'the sender that capture starts runs beside it, as it does in life',
    ],
    metrics: [
      { key: 'p50', header: 'p50 ms', digits: 1 },
      { key: 'p95', header: 'p95 ms', digits: 1 },
    ],
    ours: OURS,
    measurements,
    gates: [gateOf(measurements)],
  }
}

const of = (contender: string, cell: string, round: number, times: readonly number[]): Measurement => ({
  contender,
  cell,
  round,
  values: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
})

/** The median of the rounds, in the worst of the cells. */
function gateOf(measurements: readonly Measurement[]): Gate {
  const lines = linesOf(measurements)
  const p95 = (contender: string, cell: string) => {
    const line = lines.find((each) => each.contender === contender && each.cell === cell)
    return (line && metricOf(line, 'p95')?.median) ?? Number.NaN
  }
  const added = PLACES.map(([cell]) => p95(OURS, cell) - p95(BARE, cell))
  const worst = added.some(Number.isNaN) ? Number.NaN : Math.max(...added)
  return {
    text: `a hook costs at most ${MOST_ADDED_MS} ms more than a bare Node at p95: ${worst.toFixed(0)} ms`,
    isMet: worst <= MOST_ADDED_MS,
  }
}
