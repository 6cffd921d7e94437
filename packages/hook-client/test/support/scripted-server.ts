import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the server got it. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What the server says to a request; undefined: nothing at all. */
export type Answer = (request: Received) => { status: number; body?: unknown } | undefined

/** A hooks route over real HTTP, with answers that a test decides on. */
export class ScriptedServer {
  readonly received: Received[] = []
  answer: Answer = ({ headers }) =>
    headers['content-type'] === 'application/json'
      ? {
          status: 200,
          body: {
            success: true,
            requestId: headers['x-request-id'],
            status: 'SUCCESS',
            duplicate: false,
            data: {},
          },
        }
      : { status: 415 }
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const received = { headers: request.headers, body: Buffer.concat(chunks).toString() }
        this.received.push(received)
        const answer = this.answer(received)
        if (answer === undefined) return
        const type = answer.status < 400 ? 'application/json' : 'application/problem+json'
        response.writeHead(answer.status, { 'content-type': type }).end(JSON.stringify(answer.body ?? {}))
      })
    })
  }

  /** Listens, on a port that is free unless one is named. */
  static async start(port = 0): Promise<ScriptedServer> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new ScriptedServer(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/v1/hooks/claude-code`
  }

  /** The events that came, without what was no event. */
  get events(): Received[] {
    return this.received.filter(({ headers }) => headers['x-request-id'] !== undefined)
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
