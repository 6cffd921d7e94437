import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type VerifyOptions, verify } from '@posthorn/dispatcher/signing'
import { answer } from './answer.ts'
import { Ledger } from './ledger.ts'
import { describeEnd, type ReceivedRequest } from './received-request.ts'
import { type Player, playerOf, type Reply, type Script } from './reply.ts'
import { Waiters } from './waiters.ts'

/** How a receiver starts. */
export interface ReceiverOptions {
  /** What it does with requests of paths that have no script of their own; `{ status: 200 }` unless given. */
  script?: Script
  /** Scripts by path, without the query: `{ '/orders': [{ status: 503 }, {}] }`. */
  routes?: Readonly<Record<string, Script>>
  /** With a secret, requests whose Standard Webhooks signature is wrong get 401 and do not reach the script. */
  secret?: string | readonly string[]
  /** Tolerance and clock of the verification. */
  verification?: VerifyOptions
  /** False for long runs: the ledger then keeps the length of bodies only. */
  keepBodies?: boolean
}

/** What `waitFor` may be told. */
export interface WaitOptions {
  /** Default 10 000. */
  timeoutMs?: number
  /** Looks at the requests of one path only. */
  path?: string
}

/** A `webhook-id` that was accepted (answered whole with a 2xx) more than once. */
export interface Duplicate {
  id: string
  times: number
}

const DEFAULT_WAIT_MS = 10_000

/** A real HTTP receiver on a free port of 127.0.0.1, with scripted faults and a ledger of what arrived. */
export class Receiver implements AsyncDisposable {
  readonly #options: ReceiverOptions
  readonly #routes = new Map<string, Player>()
  readonly #ledger = new Ledger()
  readonly #waiters = new Waiters()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #fallback: Player
  #origin = ''
  #inFlight = 0
  #peakInFlight = 0
  #connections = 0

  /**
   * Use {@link createReceiver}: a receiver made here does not listen yet.
   * @throws TypeError when the secret is none of Standard Webhooks.
   */
  constructor(options: ReceiverOptions = {}) {
    this.#options = options
    this.#fallback = playerOf(options.script ?? {})
    for (const [path, script] of Object.entries(options.routes ?? {})) this.route(path, script)
    checkSecret(options.secret)
    // Longer than any test idles: a connection must not be closed just when the other side uses it again.
    this.#server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 })
    this.#server.on('request', (request, response) => void this.#serve(request, response))
    this.#server.on('connection', (socket) => {
      this.#connections++
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Starts to listen. */
  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port')
    this.#origin = `http://127.0.0.1:${address.port}`
    return this
  }

  /** The address of a path. */
  url(path = '/'): string {
    return this.#origin + (path.startsWith('/') ? path : `/${path}`)
  }

  /** From now on, requests of `path` meet this script, from its beginning. */
  route(path: string, script: Script): void {
    this.#routes.set(path, playerOf(script))
  }

  /** From now on, requests of paths without a script of their own meet this one, from its beginning. */
  fallback(script: Script): void {
    this.#fallback = playerOf(script)
  }

  /** Every request, or those of one path, in the order of arrival. */
  received(path?: string): ReceivedRequest[] {
    return [...this.#ledger.of(path)]
  }

  /** The requests with this `webhook-id`, in the order of arrival. */
  receivedWithId(id: string): ReceivedRequest[] {
    return [...this.#ledger.withId(id)]
  }

  /** How often a request with this `webhook-id` was answered whole with a 2xx. */
  acceptedTimes(id: string): number {
    return this.#ledger.acceptedTimes(id)
  }

  /** The ids that were accepted more than once. A retry after a failure is none. */
  duplicates(): Duplicate[] {
    return Array.from(this.#ledger.ids(), (id) => ({ id, times: this.acceptedTimes(id) })).filter(
      ({ times }) => times > 1,
    )
  }

  /** The different `webhook-id`s that arrived, in the order of their first arrival. */
  ids(): string[] {
    return [...this.#ledger.ids()]
  }

  /** Requests that are being served now. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** The most requests that were being served at once. */
  get peakInFlight(): number {
    return this.#peakInFlight
  }

  /** Connections accepted so far. */
  get connections(): number {
    return this.#connections
  }

  /**
   * Waits until `n` requests have arrived, or until the predicate holds. The predicate is asked whenever
   * a request begins, has arrived or has ended; it sees the requests that have arrived so far.
   * @throws Error that tells what did arrive, after `timeoutMs` or when the receiver closes; what a
   * script or the predicate throws.
   */
  async waitFor(
    what: number | ((requests: readonly ReceivedRequest[]) => boolean),
    { timeoutMs = DEFAULT_WAIT_MS, path }: WaitOptions = {},
  ): Promise<ReceivedRequest[]> {
    const isDone = () => {
      const requests = this.#ledger.of(path)
      return typeof what === 'number' ? requests.length >= what : what(requests)
    }
    const wanted = typeof what === 'number' ? `${what} requests` : 'the condition'
    const where = path === undefined ? '' : ` at ${path}`
    await this.#waiters.until(isDone, timeoutMs, () => {
      return new Error(`waited ${timeoutMs} ms for ${wanted}${where}; ${this.summary(path)}`)
    })
    return this.received(path)
  }

  /** What arrived, in a line: `5 arrived (3 × 200, 2 × reset)`. */
  summary(path?: string): string {
    const requests = this.#ledger.of(path)
    const ends = new Map<string, number>()
    for (const request of requests) {
      const end = describeEnd(request)
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
    const list = Array.from(ends, ([end, times]) => `${times} × ${end}`).join(', ')
    return `${requests.length} arrived${list === '' ? '' : ` (${list})`}`
  }

  /** Forgets what arrived. Scripts and those who wait stay. */
  clear(): void {
    this.#ledger.clear()
  }

  /** Stops listening and destroys every connection, also those that hang. May be called again. */
  async close(): Promise<void> {
    this.#waiters.fail(new Error(`the receiver was closed; ${this.summary()}`))
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++
    this.#peakInFlight = Math.max(this.#peakInFlight, this.#inFlight)
    response.once('close', () => {
      this.#inFlight--
      this.#waiters.notify()
    })
    response.on('error', () => {})
    this.#waiters.notify()
    const body = await bodyOf(incoming)
    if (body === undefined) return
    try {
      const request = this.#enter(incoming, body)
      this.#waiters.notify()
      const end = await answer(response, await this.#replyTo(request))
      this.#ledger.end(request, end)
      this.#waiters.notify()
    } catch (error) {
      this.#waiters.fail(error)
      response.destroy()
    }
  }

  #enter(incoming: IncomingMessage, body: Buffer): ReceivedRequest {
    const { headers, url = '/', method = '' } = incoming
    const { secret, verification, keepBodies = true } = this.#options
    const id = headers['webhook-id']
    return this.#ledger.add({
      method,
      url,
      path: url.split('?', 1)[0] ?? url,
      id: Array.isArray(id) ? id[0] : id,
      headers,
      body: keepBodies ? body : Buffer.alloc(0),
      bodyBytes: body.length,
      receivedAt: Date.now(),
      verification: secret === undefined ? undefined : verify(body, headers, secret, verification),
    })
  }

  #replyTo(request: ReceivedRequest): Reply | Promise<Reply> {
    if (request.verification && !request.verification.ok) return { status: 401 }
    return (this.#routes.get(request.path) ?? this.#fallback)(request)
  }
}

/** A {@link Receiver} that listens. Close it at the end, or declare it with `await using`. */
export function createReceiver(options?: ReceiverOptions): Promise<Receiver> {
  return new Receiver(options).listen()
}

function checkSecret(secret: ReceiverOptions['secret']): void {
  const outcome = secret === undefined ? undefined : verify('', {}, secret)
  if (outcome?.ok === false && outcome.error.reason === 'invalid_secret') {
    throw new TypeError(outcome.error.message)
  }
}

/** The bytes of a request, or undefined when the other side went away before sending all of them. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of incoming) chunks.push(chunk)
  } catch {
    return undefined
  }
  return incoming.complete ? Buffer.concat(chunks) : undefined
}
