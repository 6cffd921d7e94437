import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig, serve, tell } from '../machine/child-side.ts'
import { percentile } from '../report/statistics.ts'
import { MessageSplitter } from '../sink/http-parser.ts'

/** What the load generator is told. */
export interface LoadConfig {
  port: number
  path: string
  headers: Record<string, string>
  body: string
  connections: number
  warmUpMs: number
  durationMs: number
}

/** A closed loop on raw sockets: each connection sends the next request when the last one was answered. */
const config = readConfig<LoadConfig>()
const requestBytes = Buffer.from(
  [
    `POST ${config.path} HTTP/1.1`,
    `host: 127.0.0.1:${config.port}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(config.body)}`,
    ...Object.entries(config.headers).map(([name, value]) => `${name}: ${value}`),
    '',
    config.body,
  ].join('\r\n'),
)

let isSending = true
let isMeasuring = false
let open = 0
/** 2xx answers since the beginning, warm-up and tail included: as many rows must be on disk. */
let accepted = 0
let refused = 0
let firstRefusal = ''
const latencies: number[] = []

function openConnection(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: config.port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    let sentAt = 0
    const send = () => {
      open++
      sentAt = performance.now()
      socket.write(requestBytes)
    }
    const splitter = new MessageSplitter((head, body) => {
      open--
      const status = Number(head.toString('latin1', 9, 12))
      if (status >= 200 && status < 300) {
        accepted++
        if (isMeasuring) latencies.push(performance.now() - sentAt)
      } else {
        refused++
        if (firstRefusal === '') firstRefusal = `${status} ${body.toString().slice(0, 300)}`
      }
      if (isSending) send()
    })
    socket.on('data', (chunk) => splitter.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => {
      if (isSending) tell('error', { message: `the server closed a connection; ${firstRefusal}` })
    })
    starts.push(send)
  })
}

const starts: (() => void)[] = []

serve({
  run: async () => {
    for (const start of starts) start()
    await sleep(config.warmUpMs)
    tell('measuring')
    isMeasuring = true
    const start = performance.now()
    await sleep(config.durationMs)
    isMeasuring = false
    const seconds = (performance.now() - start) / 1_000
    tell('measured')
    isSending = false
    for (let waited = 0; open > 0 && waited < 5_000; waited += 10) await sleep(10)
    return {
      requests: latencies.length,
      seconds,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      accepted,
      refused,
      firstRefusal,
      unanswered: open,
    }
  },
})
await Promise.all(Array.from({ length: config.connections }, openConnection))
tell('connected')
