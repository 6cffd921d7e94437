import type { SecureContext } from 'node:tls'
import type { Clock } from '@posthorn/core'
import type { NetworkPolicy } from '../network/network-policy.ts'
import type { ResolveHost } from '../network/resolver.ts'
import { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'

/** What all pools of a dispatcher share. */
export interface PoolSettings {
  readonly policy: NetworkPolicy
  readonly resolve: ResolveHost
  readonly clock: Clock
  /** for every TLS connection, whatever its origin */
  readonly secureContext: () => SecureContext
  readonly connectionsPerOrigin: number
}

/** A connection that has lived this long is not used again, so that a change in DNS is noticed under steady load. */
const MAX_CONNECTION_AGE_MS = 300_000

/**
 * The connections to one origin. Each is an undici client that carries one request at a time: unlike undici's own
 * pool, a request can be taken out of the queue, and a socket that is still connecting can be closed with the request
 * that asked for it.
 */
export class OriginPool {
  readonly origin: string
  readonly policy: NetworkPolicy
  readonly resolve: ResolveHost
  readonly clock: Clock
  readonly secureContext: () => SecureContext
  /** The last TLS session, for resumption. */
  session: Buffer | undefined
  /** Counter of the dispatcher at the last use. */
  lastUsed = 0
  readonly #maxConnections: number
  /** The most recently used is at the end and is taken first, so that surplus connections go idle and close. */
  readonly #idle: Connection[] = []
  /** A set, since it keeps the order and lets a request that is given up leave at once. */
  readonly #waiting = new Set<Exchange>()
  #busy = 0

  constructor(origin: string, settings: PoolSettings) {
    this.origin = origin
    this.policy = settings.policy
    this.resolve = settings.resolve
    this.clock = settings.clock
    this.secureContext = settings.secureContext
    this.#maxConnections = settings.connectionsPerOrigin
  }

  get isInUse(): boolean {
    return this.#busy > 0
  }

  /** Sends the request over an idle connection, a new one, or the next that becomes free. */
  start(exchange: Exchange): void {
    const idle = this.#idle.pop()
    if (idle !== undefined) this.#run(exchange, idle)
    else if (this.#busy < this.#maxConnections) this.#run(exchange, new Connection(this))
    else this.#waiting.add(exchange)
  }

  /** The request is over, one way or another. */
  finished(exchange: Exchange, isReusable: boolean): void {
    const { connection } = exchange
    if (connection === undefined) {
      this.#waiting.delete(exchange)
      return
    }
    connection.exchange = undefined
    this.#busy--
    const isYoung = this.clock.monotonic() - connection.openedAt < MAX_CONNECTION_AGE_MS
    if (isReusable && isYoung) this.#idle.push(connection)
    // undici is still in the middle of its own bookkeeping for this request.
    else queueMicrotask(() => connection.destroy())
    const next = this.#nextWaiting()
    if (next === undefined) return
    this.#waiting.delete(next)
    this.start(next)
  }

  /** The one that waits longest and still has time; the others are taken out by their own deadlines. */
  #nextWaiting(): Exchange | undefined {
    if (this.#waiting.size === 0) return undefined
    const now = this.clock.monotonic()
    for (const exchange of this.#waiting) {
      if ((exchange.probe?.startBy ?? Number.POSITIVE_INFINITY) > now) return exchange
    }
    return undefined
  }

  /** The connection's socket was closed; without a request it has no further use. */
  disconnected(connection: Connection): void {
    if (connection.exchange !== undefined) return
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    connection.destroy()
  }

  /** Closes the idle connections. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  #run(exchange: Exchange, connection: Connection): void {
    this.#busy++
    connection.send(exchange)
  }
}
