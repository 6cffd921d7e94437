import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Pool } from 'undici'
import { readConfig, serve } from '../machine/child-side.ts'
import { openBenchApp } from '../ours/calls.ts'
import { percentile } from '../report/statistics.ts'
import { CELLS, type Cell, PATHS } from './cells.ts'

/** What the caller is told. */
export interface CallerConfig {
  readonly contender: 'undici' | 'posthorn'
  readonly connectionString: string
  readonly origin: string
  /** Calls that are counted, in each cell. */
  readonly calls: number
  readonly inFlight: number
}

/** Calls of each caller before any is counted: they open the connections, and spread the callers over time. */
const WARM_UP_ROUNDS = 10

interface Way {
  call(cell: Cell): Promise<void>
  close(): Promise<unknown>
}

const { contender, connectionString, origin, calls, inFlight } = readConfig<CallerConfig>()
/** About 1 KiB as JSON. */
const payload = { answer: 'x'.repeat(1_000) }

function bareUndici(): Way {
  const pool = new Pool(origin, { connections: inFlight })
  const headers = { 'content-type': 'application/json' }
  return {
    async call({ capability }) {
      const { statusCode, body } = await pool.request({
        path: PATHS[capability],
        method: 'POST',
        headers,
        body: JSON.stringify(payload),
      })
      await body.json()
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
    },
    close: () => pool.close(),
  }
}

async function posthorn(): Promise<Way> {
  const database = new pg.Pool({ connectionString, max: 8 })
  const webhooks = Object.entries(PATHS).map(([name, path]) => [name, `${origin}${path}`])
  const { delegator, appId, close } = await openBenchApp(database, Object.fromEntries(webhooks))
  await delegator.circuits.force(appId, 'open', 'forced_open')
  return {
    async call({ capability }) {
      const { outcome, message } = await delegator.call(appId, capability, payload)
      if (outcome !== (capability === 'open' ? 'fallback' : 'ok')) throw new Error(message ?? outcome)
    },
    close: () => close().finally(() => database.end()),
  }
}

async function measure(cell: Cell, once: Way['call']): Promise<Record<string, unknown>> {
  const { pauseMs, silenceMs = 0 } = cell
  const warmUp = silenceMs > 0 ? 0 : inFlight * WARM_UP_ROUNDS
  const last = warmUp + (silenceMs > 0 ? inFlight : calls)
  const times: number[] = []
  let begun = 0
  await sleep(silenceMs)
  let cpu = process.cpuUsage()
  const lane = async () => {
    while (begun < last) {
      const isCounted = begun >= warmUp
      if (begun++ === warmUp) cpu = process.cpuUsage()
      const startedAt = performance.now()
      await once(cell)
      if (isCounted) times.push(performance.now() - startedAt)
      if (pauseMs > 0) await sleep(Math.random() * 2 * pauseMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const { user, system } = process.cpuUsage(cpu)
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: (user + system) / times.length,
  }
}

const way = contender === 'undici' ? bareUndici() : await posthorn()
serve(
  Object.fromEntries(CELLS.map((cell) => [cell.name, () => measure(cell, (of) => way.call(of))])),
  async () => {
    await way.close()
  },
)
process.send?.({ kind: 'ready' })
