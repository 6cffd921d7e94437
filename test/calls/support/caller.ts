import { PostgresCircuitStore } from '../../../packages/db/src/index.ts'
import {
  type CallableApp,
  createDelegator,
  MemoryAppDirectory,
  parseManifest,
} from '../../../packages/delegator/src/index.ts'
import { createNetworkPolicy } from '../../../packages/dispatcher/src/index.ts'
import { openServicePool } from '../../../packages/engine/src/config/index.ts'
import type { CallerReport, CallerTask, CircuitUnderTest } from './protocol.ts'

/**
 * A process that calls capabilities whose circuits it shares with others over PostgreSQL. It is told over IPC how many calls
 * to make, and reports what came of them and every transition that it caused.
 */
const networkPolicy = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })
const pool = openServicePool({ DATABASE_URL: process.argv[2] ?? '' }, { max: 2, name: 'caller' })
const callers = new Map<string, (task: CallerTask) => Promise<CallerReport>>()

process.on('message', async (task: CallerTask) => {
  const { endpointId } = task.circuit
  const call = callers.get(endpointId) ?? callerOf(task.circuit)
  callers.set(endpointId, call)
  process.send?.(await call(task))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })

function callerOf({ endpointId, url, settings }: CircuitUnderTest) {
  const manifest = parseManifest({ webhooks: { score: { url, timeout: 20_000 } } }, { networkPolicy })
  if (!manifest.ok) throw new Error(JSON.stringify(manifest.error))
  const apps = new MemoryAppDirectory()
  apps.set('app', { secret: 'secret', manifest: manifest.value })
  const changes: CallerReport['changes'] = []
  const delegator = createDelegator({
    apps: { find: (id) => underEndpoint(apps.find(id), endpointId) },
    networkPolicy,
    circuitStore: new PostgresCircuitStore(pool),
    circuitSettings: settings,
    log: {
      write: async ({ circuitChanges }) => {
        for (const { from, to, epoch, reason } of circuitChanges) changes.push({ from, to, epoch, reason })
      },
    },
  })
  return async ({ calls, inFlight }: CallerTask): Promise<CallerReport> => {
    const outcomes: Record<string, number> = {}
    let left = calls
    const lane = async () => {
      while (left-- > 0) {
        const { outcome, reason } = await delegator.call('app', 'score', { n: left })
        const what = reason === undefined ? outcome : `${outcome} ${reason}`
        outcomes[what] = (outcomes[what] ?? 0) + 1
        // A circuit that is open answers without waiting for anything: nothing else would have its turn.
        await new Promise(setImmediate)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
    await delegator.flush()
    return { outcomes, changes: changes.splice(0) }
  }
}

/** The app with the circuit of an endpoint in the database. */
function underEndpoint(app: CallableApp | undefined, endpointId: string): CallableApp | undefined {
  if (app === undefined) return undefined
  return {
    ...app,
    capabilities: new Map([...app.capabilities].map(([name, one]) => [name, { ...one, endpointId }])),
  }
}
