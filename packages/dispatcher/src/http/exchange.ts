import type { Dispatcher } from 'undici'
import type { Connection } from './connection.ts'
import type { OriginPool } from './origin-pool.ts'

/** What a request wants to know and set while its connection is made. */
export interface TransportProbe {
  readonly connectTimeoutMs: number
  /** Monotonic milliseconds from which on nothing is begun for it: what is left would not do. */
  readonly startBy: number
  /** Set while the request is waiting, connecting or running; the way to give it up before it has a controller. */
  exchange: Exchange | undefined
  dnsMs: number | undefined
  connectMs: number | undefined
  /** Monotonic milliseconds at which the request was handed to the socket. */
  sentAt: number | undefined
}

/** Carries the probe through interceptors, which copy the options they are given. */
export const PROBE: unique symbol = Symbol('posthorn.transportProbe')

/** undici's options with the probe of the request that they belong to. */
export interface ProbedOptions extends Dispatcher.DispatchOptions {
  readonly [PROBE]?: TransportProbe
}

/**
 * One request on its way through a pool: it passes undici's events on to the handler, gives the connection back at
 * the end, and can be given up in every phase: waiting for a connection, connecting, or running.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The connection used, once there is one. */
  connection: Connection | undefined
  readonly probe: TransportProbe | undefined
  readonly options: ProbedOptions
  readonly #handler: Dispatcher.DispatchHandler
  readonly #pool: OriginPool
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false

  constructor(options: ProbedOptions, handler: Dispatcher.DispatchHandler, pool: OriginPool) {
    this.options = options
    this.probe = options[PROBE]
    this.#handler = handler
    this.#pool = pool
    if (this.probe !== undefined) this.probe.exchange = this
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#controller = controller
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestSent(): void {
    if (this.probe !== undefined) this.probe.sentAt = this.#pool.clock.monotonic()
    this.#handler.onRequestSent?.()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusMessage?: string,
  ): void {
    if (status >= 200) this.connection?.guard.reset()
    this.#handler.onResponseStart?.(controller, status, headers, statusMessage)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.connection?.guard.reset()
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(
    controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    this.#finish(true)
    this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish(false)
    this.#handler.onResponseError?.(controller, error)
  }

  /** Gives the request up; its socket is closed. The handler hears `onResponseError` if it runs already. */
  abort(reason: Error): void {
    if (this.#isOver) return
    if (this.#controller !== undefined) this.#controller.abort(reason)
    else this.#finish(false)
  }

  #finish(isReusable: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#pool.finished(this, isReusable)
  }
}
