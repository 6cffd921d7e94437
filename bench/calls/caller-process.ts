import pg from 'pg'
import { Pool } from 'undici'
import { readConfig, serve } from '../machine/child-side.ts'
import { openBenchApp } from '../ours/calls.ts'
import { percentile } from '../report/statistics.ts'

/** What the caller is told. */
export interface CallerConfig {
  readonly connectionString: string
  readonly origin: string
  readonly calls: number
  readonly inFlight: number
}

const { connectionString, origin, calls, inFlight } = readConfig<CallerConfig>()
const database = new pg.Pool({ connectionString, max: 8 })
const { delegator, appId, close } = await openBenchApp(database, origin)
const pool = new Pool(origin, { connections: inFlight })
/** About 1 KiB as JSON. */
const payload = { answer: 'x'.repeat(1_000) }
const headers = { 'content-type': 'application/json' }

const asking = (path: string) => async () => {
  const { statusCode, body } = await pool.request({
    path,
    method: 'POST',
    headers,
    body: JSON.stringify(payload),
  })
  await body.json()
  if (statusCode !== 200) throw new Error(`status ${statusCode}`)
}

const calling = (capability: string, wanted: 'ok' | 'fallback') => async () => {
  const { outcome, message } = await delegator.call(appId, capability, payload)
  if (outcome !== wanted) throw new Error(message ?? outcome)
}

async function measure(once: () => Promise<void>): Promise<Record<string, unknown>> {
  const times: number[] = []
  let left = calls
  const lane = async () => {
    while (left-- > 0) {
      const startedAt = performance.now()
      await once()
      times.push(performance.now() - startedAt)
    }
  }
  const cpu = process.cpuUsage()
  await Promise.all(Array.from({ length: inFlight }, lane))
  const { user, system } = process.cpuUsage(cpu)
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: (user + system) / calls,
  }
}

serve(
  {
    'undici at once': () => measure(asking('/answer')),
    'posthorn at once': () => measure(calling('at_once', 'ok')),
    'undici after a while': () => measure(asking('/after')),
    'posthorn after a while': () => measure(calling('after_a_while', 'ok')),
    'posthorn circuit open': () => measure(calling('refused', 'fallback')),
  },
  async () => {
    await close()
    await Promise.all([pool.close(), database.end()])
  },
)
process.send?.({ kind: 'ready' })
