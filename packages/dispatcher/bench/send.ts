import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type Dispatcher, Pool } from 'undici'
import { buildDelivery, createDispatcher, createNetworkPolicy } from '../src/index.ts'
import { createSigner, generateSecret } from '../src/signing/index.ts'

/**
 * CPU of one POST of 1 KiB on loopback, this process alone: bare undici under a pool, this package's `send`, and
 * `send` of a signed delivery with all its headers. Interleaved rounds; the median of each is printed.
 *
 * node --conditions=posthorn-source bench/send.ts [requests per round] [rounds]
 */
const REQUESTS = Number(process.argv[2] ?? 20_000)
const ROUNDS = Number(process.argv[3] ?? 5)
const IN_FLIGHT = 100

const payload = JSON.stringify({ data: randomBytes(758).toString('base64') }).slice(0, 1024)
const headers = { 'content-type': 'application/json', 'user-agent': 'bench', 'x-request-id': 'req_1' }

const sink = fork(new URL('sink.ts', import.meta.url))
const [{ port }] = (await once(sink, 'message')) as [{ port: number }]
const origin = `http://127.0.0.1:${port}`

const pool = new Pool(origin, { connections: IN_FLIGHT })
const dispatcher = createDispatcher({ networkPolicy: createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] }) })
const signer = createSigner([generateSecret('v1').secret])
const limits = { timeoutMs: 30_000, connectTimeoutMs: 5_000, responseLimitBytes: 4_096 }

function bare(): Promise<void> {
  return new Promise((resolve, reject) => {
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData() {},
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => reject(error),
    }
    pool.dispatch({ path: '/hook', method: 'POST', headers, body: payload }, handler)
  })
}

async function plain(): Promise<void> {
  const result = await dispatcher.send({ ...limits, url: `${origin}/hook`, headers, body: payload })
  if (result.verdict !== 'success') throw new Error(result.errorMessage)
}

async function signed(): Promise<void> {
  const delivery = buildDelivery({
    ...{ signer, payload, webhookId: 'dlv_0190c1c8c1c87000a000000000000000', timestampSec: 1_790_000_000 },
    ...{ eventId: 'evt_0190c1c8c1c87000a000000000000000', eventType: 'order.created', eventTimeMs: 1.79e12 },
    ...{ requestId: 'req_1', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    ...{ timeoutMs: 30_000, attempt: 1, maxAttempts: 5 },
  })
  const result = await dispatcher.send({ ...limits, url: `${origin}/hook`, ...delivery })
  if (result.verdict !== 'success') throw new Error(result.errorMessage)
}

async function measure(post: () => Promise<void>): Promise<{ micros: number; rate: number }> {
  let left = REQUESTS
  const lane = async () => {
    while (left-- > 0) await post()
  }
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  const { user, system } = process.cpuUsage(cpu)
  return { micros: (user + system) / REQUESTS, rate: (REQUESTS / (performance.now() - startedAt)) * 1000 }
}

const variants = { 'bare undici Pool.dispatch': bare, 'dispatcher.send': plain, 'signed delivery': signed }
const results = new Map<string, { micros: number; rate: number }[]>()
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, post] of Object.entries(variants)) {
    const result = await measure(post)
    // The first round only warms up.
    if (round >= 0) results.set(name, [...(results.get(name) ?? []), result])
  }
}
for (const [name, rounds] of results) {
  const median = (pick: (r: { micros: number; rate: number }) => number) =>
    rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0
  const micros = median((r) => r.micros).toFixed(1)
  process.stdout.write(
    `${name.padEnd(28)} ${micros.padStart(6)} µs CPU  ${median((r) => r.rate).toFixed(0)}/s\n`,
  )
}
await Promise.all([pool.close(), dispatcher.close()])
sink.disconnect()
