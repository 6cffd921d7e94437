import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createNetworkPolicy } from '@posthorn/dispatcher'
import { generateSecret } from '@posthorn/dispatcher/signing'
import { Pool } from 'undici'
import { type CallLog, createDelegator, MemoryAppDirectory, parseManifest } from '../src/index.ts'

/**
 * What a call costs over bare undici to the same healthy app: a POST of 1 KiB of JSON on loopback, answered with JSON
 * that is parsed. Interleaved rounds with 100 in flight; for each way the median over the rounds of p50 and p99, and the
 * processor time of this process. With an app that answers at once, this process is the bottleneck, and a duration is
 * nothing but the processor time of all that are in flight; with one that takes 20 ms it shows what a caller waits longer.
 *
 * node --conditions=posthorn-source bench/call.ts [calls per round] [rounds] [in flight]
 */
const CALLS = Number(process.argv[2] ?? 10_000)
const ROUNDS = Number(process.argv[3] ?? 5)
const IN_FLIGHT = Number(process.argv[4] ?? 100)

const app = fork(new URL('app.ts', import.meta.url))
const [{ port }] = (await once(app, 'message')) as [{ port: number }]
const origin = `http://127.0.0.1:${port}`
const payload = { answer: randomBytes(740).toString('base64') }

const pool = new Pool(origin, { connections: IN_FLIGHT })
const networkPolicy = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })
const schema = { type: 'object', properties: { correct: { type: 'boolean' } }, required: ['correct'] }
const manifest = parseManifest(
  {
    webhooks: {
      bare: `${origin}/answer`,
      after: `${origin}/after`,
      checked: { url: `${origin}/answer`, responseSchema: schema },
      cached: { url: `${origin}/answer`, fallback: 'last-good' },
    },
  },
  { networkPolicy },
)
if (!manifest.ok) throw new Error(JSON.stringify(manifest.error))
const apps = new MemoryAppDirectory()
apps.set('app', { secret: generateSecret('v1').secret, manifest: manifest.value })
/** Takes what a service would write, as fast as it comes. */
const log: CallLog = { write: async () => undefined }
const delegator = createDelegator({ apps, networkPolicy, log })

function asking(path: string) {
  return async (): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' }
    const { statusCode, body } = await pool.request({
      path,
      method: 'POST',
      headers,
      body: JSON.stringify(payload),
    })
    if (statusCode !== 200) throw new Error(`status ${statusCode}`)
    return body.json()
  }
}

function calling(capability: string) {
  return async () => {
    const { outcome, message } = await delegator.call('app', capability, payload)
    if (outcome !== 'ok') throw new Error(message)
  }
}

interface Figures {
  readonly p50: number
  readonly p99: number
  readonly cpuMicros: number
}

async function measure(once: () => Promise<unknown>): Promise<Figures> {
  const durations: number[] = []
  let left = CALLS
  const lane = async () => {
    while (left-- > 0) {
      const startedAt = performance.now()
      await once()
      durations.push(performance.now() - startedAt)
    }
  }
  const cpu = process.cpuUsage()
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  const { user, system } = process.cpuUsage(cpu)
  durations.sort((a, b) => a - b)
  const at = (share: number) => durations[Math.floor(durations.length * share)] ?? 0
  return { p50: at(0.5), p99: at(0.99), cpuMicros: (user + system) / CALLS }
}

const ways = {
  'at once: bare undici': asking('/answer'),
  'at once: delegator.call': calling('bare'),
  '  with a responseSchema': calling('checked'),
  '  with last-good': calling('cached'),
  'after 20 ms: bare undici': asking('/after'),
  'after 20 ms: delegator.call': calling('after'),
}
const results = new Map<string, Figures[]>()
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, once] of Object.entries(ways)) {
    const figures = await measure(once)
    // The first round only warms up.
    if (round >= 0) results.set(name, [...(results.get(name) ?? []), figures])
  }
}
for (const [name, rounds] of results) {
  const median = (pick: (figures: Figures) => number) =>
    (rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0).toFixed(2)
  const figures = `p50 ${median((r) => r.p50)} ms  p99 ${median((r) => r.p99)} ms  CPU ${median((r) => r.cpuMicros)} µs`
  process.stdout.write(`${name.padEnd(28)} ${figures}\n`)
}
await Promise.all([pool.close(), delegator.close()])
app.disconnect()
