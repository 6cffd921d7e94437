import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that the server took. */
export interface Taken {
  requestId: string
  capturedAt: string
  sessionId: string | null
  attempt: number
  report: { dropped: number; backlog: number }
  body: Record<string, unknown>
}

/** How the server answers a request: a status, or not at all. */
export type Behaviour = (request: IncomingMessage, body: string) => number | 'hang' | 'reset'

/** A server of the hooks route that tells repeats by `x-request-id`, as Posthorn's does. */
export class DedupingServer {
  /** Each event once, in order of arrival. */
  readonly taken: Taken[] = []
  /** Statuses that were answered, in order. */
  readonly statuses: number[] = []
  duplicates = 0
  /** Drops that reports told of: each tells of all. */
  dropped = 0
  behaviour: Behaviour = () => 200
  readonly #ids = new Set<string>()
  readonly #server: Server
  port = 0

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => this.#answer(request, response, Buffer.concat(chunks).toString()))
      request.on('error', () => {})
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/v1/hooks/claude-code`
  }

  /** Listens, on the same port again when it listened before. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const answer = this.behaviour(request, body)
    if (answer === 'hang') return
    if (answer === 'reset') {
      request.socket.destroy()
      return
    }
    const requestId = String(request.headers['x-request-id'])
    let duplicate = false
    if (answer >= 200 && answer < 300) duplicate = !this.#take(requestId, request, body)
    this.statuses.push(answer)
    response.writeHead(answer, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(
        answer < 300 ? { success: true, requestId, duplicate } : { code: 'test', title: 'Test' },
      ),
    )
  }

  #take(requestId: string, { headers }: IncomingMessage, text: string): boolean {
    if (this.#ids.has(requestId)) {
      this.duplicates += 1
      return false
    }
    this.#ids.add(requestId)
    const body = JSON.parse(text) as Record<string, unknown>
    const report = JSON.parse(String(headers['x-posthorn-hook-client'])) as Taken['report']
    this.dropped = Math.max(this.dropped, report.dropped)
    const sessionId = typeof body['session_id'] === 'string' ? body['session_id'] : null
    const capturedAt = String(headers['x-captured-at'])
    this.taken.push({
      requestId,
      capturedAt,
      sessionId,
      attempt: Number(headers['x-retry-attempt']),
      report,
      body,
    })
    return true
  }
}
