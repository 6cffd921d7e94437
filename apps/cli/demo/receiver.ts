import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { verify } from '@posthorn/dispatcher/signing'

/** How a receiver answers a request. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly delayMs?: number
}

/** What a receiver has seen of one delivery. */
export interface Received {
  readonly eventId: string
  /** every request for it */
  requests: number
  /** when those requests arrived that were answered with 200; `performance.now()` */
  readonly acceptedAt: number[]
}

/** What a receiver is. */
export interface ReceiverSpec {
  readonly name: string
  /** which events it subscribes to */
  readonly eventTypes: readonly string[]
  /** the answer to the n-th request for one delivery, counted from 1 */
  readonly answer: (n: number) => Answer
  /** settings of its endpoint beside the shared ones */
  readonly endpoint?: Readonly<Record<string, unknown>>
}

/** A webhook receiver that keeps a ledger by `webhook-id`, verifies every signature, and can really go down. */
export class Receiver {
  readonly spec: ReceiverSpec
  readonly ledger = new Map<string, Received>()
  secret = ''
  requests = 0
  badSignatures = 0
  #server: Server | undefined
  #port = 0

  constructor(spec: ReceiverSpec) {
    this.spec = spec
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/webhooks`
  }

  get accepted(): number {
    let count = 0
    for (const { acceptedAt } of this.ledger.values()) if (acceptedAt.length > 0) count += 1
    return count
  }

  /** Opens the port: one of its own the first time, the same one again later. */
  async open(): Promise<void> {
    for (let tries = 0; ; tries++) {
      // Below the ports that outgoing connections take, so that it is still free when it opens again.
      const port = this.#port || 20_000 + Math.floor(Math.random() * 10_000)
      const server = createServer((request, response) => void this.#serve(request, response))
      try {
        server.listen(port, '127.0.0.1')
        await once(server, 'listening')
        this.#server = server
        this.#port = port
        return
      } catch (error) {
        if (tries >= 20) throw error
      }
    }
  }

  /** Closes the port and every connection: whoever sends now is refused. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    if (body === undefined) return
    const arrivedAt = performance.now()
    this.requests += 1
    const received = this.#enter(request)
    const answer = this.spec.answer(received.requests)
    if (!verify(body, request.headers, this.secret).ok) this.badSignatures += 1
    if (answer.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.delayMs))
    if (answer.status === 200) received.acceptedAt.push(arrivedAt)
    response.writeHead(answer.status, answer.headers).end()
  }

  #enter({ headers }: IncomingMessage): Received {
    const id = String(headers['webhook-id'])
    const received = this.ledger.get(id) ?? {
      eventId: String(headers['x-event-id']),
      requests: 0,
      acceptedAt: [],
    }
    received.requests += 1
    this.ledger.set(id, received)
    return received
  }
}

/** The bytes of a request; undefined when the other side went away before sending all of them. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  try {
    return Buffer.concat(await request.toArray())
  } catch {
    return undefined
  }
}
