import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { verifyCall } from '@posthorn/dispatcher/signing'

const SLOW_MS = 5_000

/** An app that somebody else runs: it is asked things, may become slow, and may be gone. */
export class ThirdPartyApp {
  secret = ''
  /** how it is at the moment; `gone` refuses connections */
  isSlow = false
  requests = 0
  badSignatures = 0
  /** events that were delivered to it, by type */
  readonly events: string[] = []
  #server: Server | undefined
  #port = 0

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`
  }

  async open(): Promise<void> {
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    this.#port = typeof address === 'object' && address ? address.port : 0
  }

  /** Closes the port and every connection: whoever asks now is refused. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1
    let body: string
    try {
      body = Buffer.concat(await request.toArray()).toString()
    } catch {
      return
    }
    const { headers } = request
    const signature = headers['x-platform-signature']
    const isSigned = verifyCall(typeof signature === 'string' ? signature : undefined, {
      secret: this.secret,
      requestId: String(headers['x-request-id']),
      body,
    })
    if (!isSigned) this.badSignatures += 1
    if (this.isSlow) await wait(SLOW_MS, undefined, { ref: false })
    const type = String(headers['x-event-type'])
    if (type.startsWith('approval.')) this.events.push(type)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answerTo(type, JSON.parse(body))))
  }
}

function answerTo(type: string, payload: { readonly candidates?: readonly string[] }): unknown {
  if (type === 'winner_selection') return { success: true, data: { winner: payload.candidates?.[0] } }
  return { success: true, data: { correct: true } }
}
