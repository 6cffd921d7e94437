import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { type Forwarded, forward } from './forward.ts'

/** One delivery that was passed on. */
export interface Passed {
  readonly deliveryId: string
  readonly eventId: string
  readonly type: string
  readonly attempt: number
  /** of the answer; 502 when there was none */
  readonly status: number
  readonly durationMs: number
  /** why there was no answer */
  readonly error?: string
}

/** A listener on loopback that passes everything on. */
export interface Listener {
  readonly url: string
  close(): Promise<void>
}

/** Listens on a free port of loopback and passes every request on to `target`; the answer goes back as it came. */
export async function startListener(target: URL, onPassed: (passed: Passed) => void): Promise<Listener> {
  const server = createServer((request, response) => {
    pass(target, request, response).then(onPassed, () => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      server.close()
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), 2_000)
      await once(server, 'close')
      clearTimeout(timer)
    },
  }
}

async function pass(target: URL, request: IncomingMessage, response: ServerResponse): Promise<Passed> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const body = await buffer(request)
  const startedAt = performance.now()
  const { method = 'POST', rawHeaders } = request
  let answer: Forwarded | undefined
  let error: string | undefined
  try {
    answer = await forward(target, { method, rawHeaders, body }, gone.signal)
  } catch (cause) {
    error = gone.signal.aborted ? 'the sender gave up waiting' : reason(cause)
  }
  response.writeHead(answer?.status ?? 502, answer?.headers ?? { 'content-type': 'text/plain' })
  response.end(answer?.body ?? `not forwarded: ${error}\n`)
  return {
    deliveryId: header(request, 'webhook-id'),
    eventId: header(request, 'x-event-id'),
    type: header(request, 'x-event-type'),
    attempt: Number(header(request, 'x-retry-attempt')),
    status: answer?.status ?? 502,
    durationMs: Math.round((performance.now() - startedAt) * 10) / 10,
    ...(error !== undefined && { error }),
  }
}

const header = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? '')

function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
