import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type buildConnector, Client, errors } from 'undici'
import { BlockedAddressError, guardedLookup } from '../network/guarded-lookup.ts'
import type { Exchange, TransportProbe } from './exchange.ts'
import { FramingGuard, PARSER_HEADER_LIMIT } from './framing-guard.ts'
import type { OriginPool } from './origin-pool.ts'

/** Milliseconds that an idle connection is kept; below the 5 s after which Node servers close theirs. */
const KEEP_ALIVE_MS = 4_000
/** Connect timeout of a request that does not say its own, because an interceptor made its options anew. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

/** One connection to an origin, used by one request at a time. It reconnects when the server has closed it. */
export class Connection {
  /** The request that uses it; undefined while idle. */
  exchange: Exchange | undefined
  readonly openedAt: number
  readonly guard = new FramingGuard()
  readonly #pool: OriginPool
  readonly #client: Client
  #connecting: Socket | undefined

  constructor(pool: OriginPool) {
    this.#pool = pool
    this.openedAt = pool.clock.monotonic()
    this.#client = new Client(pool.origin, {
      connect: (options, callback) => this.#connect(options, callback),
      allowH2: false,
      pipelining: 1,
      // One deadline covers the request from outside; undici's own timers would only add to it.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: PARSER_HEADER_LIMIT,
    })
    this.#client.on('disconnect', () => pool.disconnected(this))
  }

  send(exchange: Exchange): void {
    this.exchange = exchange
    exchange.connection = this
    this.guard.reset()
    this.#client.dispatch(exchange.options, exchange)
  }

  /** Closes the socket, also one that is still connecting. */
  destroy(): void {
    this.#connecting?.destroy()
    this.#connecting = undefined
    this.#client.destroy().catch(() => {})
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    // Node asks no lookup about address literals.
    if (isIP(options.hostname) !== 0 && !this.#pool.policy.checkAddress(options.hostname)) {
      queueMicrotask(() => callback(new BlockedAddressError(), null))
      return
    }
    const probe = this.exchange?.probe
    const timing = new ConnectTiming(this.#pool, probe)
    const socket = this.#openSocket(options, timing)
    this.#connecting = socket
    const timeoutMs = probe?.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS
    const timer = setTimeout(() => {
      socket.destroy(new errors.ConnectTimeoutError(`no connection within ${timeoutMs} ms`))
    }, timeoutMs)
    let isAnswered = false
    const answer = (error: Error | null): void => {
      clearTimeout(timer)
      if (this.#connecting === socket) this.#connecting = undefined
      if (isAnswered) return
      isAnswered = true
      if (error === null) callback(null, socket)
      else callback(error, null)
    }
    socket
      .setNoDelay(true)
      .on('error', (error) => answer(error))
      .once('close', () => {
        // Every connection closes at last, and an error takes longer to make than to throw away.
        if (!isAnswered) answer(new errors.ConnectTimeoutError('closed before connected'))
      })
      .once(options.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        // The lookup has checked the address already; this holds whatever way the socket came to its address.
        if (!this.#pool.policy.checkAddress(socket.remoteAddress ?? '')) {
          socket.destroy(new BlockedAddressError())
          return
        }
        timing.connected()
        this.guard.watch(socket)
        answer(null)
      })
  }

  #openSocket({ hostname, port, protocol }: buildConnector.Options, timing: ConnectTiming): Socket {
    const pool = this.#pool
    const isTls = protocol === 'https:'
    const target = {
      host: hostname,
      port: Number(port) || (isTls ? 443 : 80),
      lookup: guardedLookup(pool.policy, pool.resolve, () => timing.resolved()),
    }
    if (!isTls) return connectTcp(target)
    const socket = connectTls({
      ...target,
      secureContext: pool.secureContext(),
      ALPNProtocols: ['http/1.1'],
      ...(pool.session === undefined ? {} : { session: pool.session }),
    })
    return socket.on('session', (session) => {
      pool.session = session
    })
  }
}

/** Measures resolving and connecting apart, for the request that waits for the connection. */
class ConnectTiming {
  readonly #pool: OriginPool
  readonly #probe: TransportProbe | undefined
  #since: number

  constructor(pool: OriginPool, probe: TransportProbe | undefined) {
    this.#pool = pool
    this.#probe = probe
    this.#since = pool.clock.monotonic()
  }

  resolved(): void {
    const now = this.#pool.clock.monotonic()
    if (this.#probe !== undefined) this.#probe.dnsMs = now - this.#since
    this.#since = now
  }

  connected(): void {
    if (this.#probe !== undefined) this.#probe.connectMs = this.#pool.clock.monotonic() - this.#since
  }
}
