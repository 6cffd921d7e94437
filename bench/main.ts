import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { runCalls } from './calls/suite.ts'
import { runCapture } from './capture/suite.ts'
import { runClaim } from './claim/suite.ts'
import { runDelivery } from './delivery/suite.ts'
import { runHook } from './hook/suite.ts'
import { runIngest } from './ingest/suite.ts'
import { runIsolation } from './isolation/suite.ts'
import { runLatency } from './latency/suite.ts'
import { closeAll, installCleanup, isEnding } from './machine/cleanup.ts'
import { messageOf } from './machine/deadline.ts'
import { machineFacts } from './machine/facts.ts'
import { type Cluster, startCluster } from './machine/postgres.ts'
import { progress } from './machine/progress.ts'
import { type BenchOptions, parseOptions, type SuiteName, USAGE } from './options.ts'
import type { SuiteResult } from './report/measurements.ts'
import { renderReport } from './report/report.ts'

const RUNNERS: Record<SuiteName, (options: BenchOptions, cluster: Cluster) => Promise<SuiteResult>> = {
  delivery: runDelivery,
  ingest: runIngest,
  claim: runClaim,
  latency: runLatency,
  capture: runCapture,
  isolation: runIsolation,
  hook: runHook,
  calls: runCalls,
}
/** No run takes longer than this, whatever hangs. */
const LONGEST_RUN_MS = 60 * 60_000

async function bench(options: BenchOptions): Promise<boolean> {
  const started = new Date()
  progress('starting PostgreSQL')
  const cluster = await startCluster(options.directory)
  const machine = await machineFacts(cluster)
  const results: SuiteResult[] = []
  for (const suite of options.suites) {
    progress(`suite ${suite}`)
    results.push(await RUNNERS[suite](options, cluster))
  }
  await cluster.close()
  const finished = new Date()
  await mkdir(dirname(options.jsonFile), { recursive: true })
  await writeFile(
    options.jsonFile,
    `${JSON.stringify({ started, finished, options, machine, results }, null, 2)}\n`,
  )
  process.stdout.write(`${renderReport(machine, results)}\n\nfigures: ${options.jsonFile}\n`)
  return results.every((result) =>
    result.measurements.every((measurement) => measurement.error === undefined),
  )
}

let options: BenchOptions
try {
  options = parseOptions(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\n${USAGE}\n`)
  process.exit(2)
}
installCleanup()
const watchdog = setTimeout(() => {
  progress('the run takes too long')
  void closeAll().finally(() => process.exit(1))
}, LONGEST_RUN_MS)
let exitCode = 1
try {
  exitCode = (await bench(options)) ? 0 : 1
} catch (error) {
  if (!isEnding()) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}
clearTimeout(watchdog)
if (!isEnding()) {
  await closeAll()
  process.exit(exitCode)
}
