import { parseArgs } from 'node:util'

/** The suites, in the order in which they run. */
export const SUITES = [
  'delivery',
  'ingest',
  'claim',
  'latency',
  'isolation',
  'capture',
  'hook',
  'calls',
] as const
export type SuiteName = (typeof SUITES)[number]

/** What one run does. Durations are milliseconds. */
export interface BenchOptions {
  quick: boolean
  suites: SuiteName[]
  rounds: number
  jsonFile: string
  /** Where the database and the other temporary files go; must be a real disk, or fsync costs nothing. */
  directory: string | undefined
  /** Deliveries preloaded and drained by each contender in each round. */
  deliveries: number
  ingest: { connections: number[]; durationMs: number; warmUpMs: number }
  claim: { small: number; large: number; endpoints: number; samples: number }
  latency: { ratePerSecond: number; durationMs: number }
  /** `everyMs`: time between two events of one session */
  capture: { sessions: number; eventsEach: number; everyMs: number }
  /** Hooks run in each round and cell. */
  hook: { runs: number }
  /** Calls made by each contender in each round and cell. */
  calls: { count: number }
  /** Deliveries due on an endpoint that hangs, and what is published to the others meanwhile. */
  isolation: { backlog: number; endpoints: number; ratePerSecond: number; durationMs: number }
}

export const USAGE = `usage: node bench/main.ts [--quick] [--only SUITES] [--rounds N] [--json FILE] [--dir DIR]

  --quick    2 000 deliveries and short cells: finds a broken contender, proves nothing about speed
  --only     the suites to run, separated by commas: ${SUITES.join(', ')}
  --rounds   how often each contender runs (default 3); the tables show medians with min–max
  --json     where the figures go (default bench/results/<time>.json)
  --dir      directory for the database (default: the system's temporary directory)`

/** Reads the command line. Throws an `Error` whose message is meant for the user. */
export function parseOptions(argv: string[], now: Date = new Date()): BenchOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  })
  const quick = values.quick
  const suites = (values.only?.split(',') ?? [...SUITES]).map((name) => {
    const suite = SUITES.find((known) => known === name.trim())
    if (suite === undefined) throw new Error(`--only: unknown suite '${name}', expected ${SUITES.join(', ')}`)
    return suite
  })
  const rounds = Number(values.rounds ?? 3)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50) throw new Error('--rounds: expected 1 to 50')
  const stamp = now.toISOString().replaceAll(':', '-').slice(0, 19)
  return {
    quick,
    suites: SUITES.filter((suite) => suites.includes(suite)),
    rounds,
    jsonFile: values.json ?? `${import.meta.dirname}/results/${stamp}.json`,
    directory: values.dir,
    deliveries: quick ? 2_000 : 20_000,
    ingest: { connections: [64, 256], durationMs: quick ? 2_000 : 5_000, warmUpMs: quick ? 500 : 1_000 },
    claim: { small: 10_000, large: quick ? 100_000 : 1_000_000, endpoints: 10_000, samples: quick ? 10 : 30 },
    latency: { ratePerSecond: 50, durationMs: quick ? 5_000 : 20_000 },
    capture: { sessions: 50, eventsEach: quick ? 10 : 60, everyMs: 500 },
    hook: { runs: quick ? 10 : 40 },
    calls: { count: quick ? 1_000 : 10_000 },
    isolation: {
      backlog: quick ? 10_000 : 100_000,
      endpoints: 20,
      ratePerSecond: 50,
      durationMs: quick ? 5_000 : 20_000,
    },
  }
}
