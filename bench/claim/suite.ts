import { messageOf, withDeadline } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import { openPosthornQueue } from '../ours/claim.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import { percentile } from '../report/statistics.ts'
import { openOldestFirst } from './oldest-first.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import type { ClaimTarget } from './target.ts'

const CLAIM_SIZE = 500
const FILL_MS = 240_000
const CLAIM_MS = 30_000

const ENTRIES = [
  { label: 'posthorn', open: openPosthornQueue },
  { label: 'oldest first', open: openOldestFirst },
]

/** What a claim of 500 costs, and whom it serves. Both queues are filled once a scenario; the rounds claim in turn. */
export async function runClaim(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const measurements: Measurement[] = []
  const opened: { label: string; target: ClaimTarget | Error }[] = []
  for (const [index, { label, open }] of ENTRIES.entries()) {
    const connectionString = await cluster.createDatabase(`claim_${index}`)
    opened.push({
      label,
      target: await open(connectionString).catch((error: unknown) => new Error(messageOf(error))),
    })
  }
  for (const scenario of scenarios(options.claim)) {
    const ready = await fillAll(opened, scenario, cluster)
    for (let round = 0; round < options.rounds; round++) {
      for (const { label, target } of rotate(ready, round)) {
        const measurement: Measurement = { contender: label, cell: scenario.name, round, values: {} }
        try {
          if (target instanceof Error) throw target
          measurement.values = await sample(target, options.claim.samples)
          const { p50, endpoints } = measurement.values
          progress(`claim, ${scenario.name}, ${label}: ${p50?.toFixed(1)} ms, ${endpoints} endpoints`)
        } catch (error) {
          measurement.error = messageOf(error)
          progress(`claim, ${scenario.name}, ${label}: FAILED, ${measurement.error}`)
        }
        measurements.push(measurement)
      }
    }
  }
  for (const [index, { target }] of opened.entries()) {
    if (!(target instanceof Error)) await target.close()
    await cluster.dropDatabase(`claim_${index}`)
  }
  return {
    suite: 'claim',
    title: `claim: ${CLAIM_SIZE} rows at once, ${options.claim.samples} claims a round, each handed back`,
    notes: [
      "'oldest first': one table with its history, ORDER BY due LIMIT 500 SKIP LOCKED; fast, and blind to endpoints",
      'endpoints: how many the claim served; largest: the rows of the one that got most',
    ],
    metrics: [
      { key: 'p50', header: 'median ms', digits: 1, ratio: 'median' },
      { key: 'worst', header: 'worst ms', digits: 1, ratio: 'worst' },
      { key: 'rows', header: 'rows', digits: 0 },
      { key: 'endpoints', header: 'endpoints', digits: 0 },
      { key: 'largest', header: 'largest', digits: 0 },
    ],
    ours: 'posthorn',
    measurements,
  }
}

type Opened = { label: string; target: ClaimTarget | Error }[]

async function fillAll(opened: Opened, scenario: Scenario, cluster: Cluster): Promise<Opened> {
  const ready: Opened = []
  for (const { label, target } of opened) {
    if (target instanceof Error) {
      ready.push({ label, target })
      continue
    }
    progress(`claim, filling ${label}: ${scenario.name}`)
    const filled = withDeadline(target.fill(scenario.history, scenario.rows), FILL_MS, 'filling the queue')
    ready.push({
      label,
      target: await filled.then(
        () => target,
        (error: unknown) => new Error(messageOf(error)),
      ),
    })
  }
  await cluster.checkpoint()
  return ready
}

async function sample(target: ClaimTarget, samples: number): Promise<Record<string, number>> {
  const times: number[] = []
  const rows: number[] = []
  const endpoints: number[] = []
  const largest: number[] = []
  for (let index = 0; index < samples; index++) {
    const start = performance.now()
    const claimed = await withDeadline(target.claim(CLAIM_SIZE), CLAIM_MS, 'claim')
    times.push(performance.now() - start)
    const perGroup = new Map<string, number>()
    for (const group of claimed.groups) perGroup.set(group, (perGroup.get(group) ?? 0) + 1)
    rows.push(claimed.groups.length)
    endpoints.push(perGroup.size)
    largest.push(Math.max(0, ...perGroup.values()))
    await claimed.release()
  }
  if (Math.max(...rows) === 0) throw new Error('verification: nothing was claimed')
  return {
    p50: percentile(times, 0.5),
    worst: Math.max(...times),
    rows: percentile(rows, 0.5),
    endpoints: percentile(endpoints, 0.5),
    largest: percentile(largest, 0.5),
  }
}
