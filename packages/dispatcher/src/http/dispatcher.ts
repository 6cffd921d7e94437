import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls'
import { type Clock, systemClock } from '@posthorn/core'
import type { Dispatcher as UndiciDispatcher } from 'undici'
import { createNetworkPolicy, type NetworkPolicy } from '../network/network-policy.ts'
import { createCachedResolver, type ResolveHost, systemResolve } from '../network/resolver.ts'
import { AbortHub } from './abort-hub.ts'
import { Attempt } from './attempt.ts'
import type { DispatchRequest, DispatchResult } from './dispatch-types.ts'
import { PROBE, type ProbedOptions } from './exchange.ts'
import { OriginPools } from './origin-pools.ts'
import { TargetCache } from './target-cache.ts'

export interface DispatcherOptions {
  /** Where requests may go; everything that is not public is refused unless given. */
  readonly networkPolicy?: NetworkPolicy
  /** undici interceptors around each request; the last one is the outermost. */
  readonly interceptors?: readonly UndiciDispatcher.DispatcherComposeInterceptor[]
  readonly clock?: Clock
  /** Origins whose connections are kept; 1 000 unless given. The least recently used idle one gives way. */
  readonly maxOrigins?: number
  /** Connections to one origin at the same time; 256 unless given. Further requests wait, within their timeout. */
  readonly connectionsPerOrigin?: number
  /** How host names are resolved; the system's resolver unless given. Answers are remembered for 5 s. */
  readonly resolve?: ResolveHost
  /** Certificate authorities to trust, and a client certificate, for all origins. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>
}

/** Makes HTTP requests. */
export interface WebhookDispatcher {
  /**
   * Makes one request and tells what came of it. Never throws or rejects: what goes wrong at the receiver, on the way
   * or in the request itself is in the result.
   */
  send(request: DispatchRequest): Promise<DispatchResult>
  /** Refuses new requests, waits for those under way and closes all connections. */
  close(): Promise<void>
}

/** Makes a dispatcher. It holds connections until it is closed. */
export function createDispatcher(options: DispatcherOptions = {}): WebhookDispatcher {
  return new PooledDispatcher(options)
}

/**
 * The settings of all TLS connections: making them anew for each is a fifth of its cost. Not before the first one, since
 * the certificate authorities are read then.
 */
function sharedContext(tls: DispatcherOptions['tls'] = {}): () => SecureContext {
  let context: SecureContext | undefined
  return () => {
    context ??= createSecureContext(tls)
    return context
  }
}

class PooledDispatcher implements WebhookDispatcher {
  readonly #clock: Clock
  readonly #hub = new AbortHub()
  readonly #targets: TargetCache
  readonly #pools: OriginPools
  readonly #dispatch: UndiciDispatcher.Dispatch
  #underWay = 0
  #isClosed = false
  #whenIdle: (() => void)[] = []

  constructor(options: DispatcherOptions) {
    this.#clock = options.clock ?? systemClock
    const policy = options.networkPolicy ?? createNetworkPolicy()
    this.#targets = new TargetCache(policy)
    const settings = {
      policy,
      resolve: createCachedResolver(options.resolve ?? systemResolve, this.#clock),
      clock: this.#clock,
      secureContext: sharedContext(options.tls),
      connectionsPerOrigin: options.connectionsPerOrigin ?? 256,
    }
    this.#pools = new OriginPools(settings, options.maxOrigins ?? 1_000)
    this.#dispatch = (options.interceptors ?? []).reduce<UndiciDispatcher.Dispatch>(
      (dispatch, intercept) => intercept(dispatch),
      this.#pools.dispatch,
    )
  }

  send(request: DispatchRequest): Promise<DispatchResult> {
    return new Promise((resolve) => this.#start(request, resolve))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    this.#pools.close()
  }

  #start(request: DispatchRequest, resolve: (result: DispatchResult) => void): void {
    this.#underWay++
    const attempt = new Attempt(request, this.#clock, this.#hub, (result) => {
      this.#ended()
      resolve(result)
    })
    if (this.#isClosed || request.signal?.aborted) {
      attempt.onAbort()
      return
    }
    try {
      this.#dispatchAttempt(request, attempt)
    } catch (error) {
      attempt.fail(error)
    }
  }

  #dispatchAttempt(request: DispatchRequest, attempt: Attempt): void {
    const target = this.#targets.get(request.url)
    if (target.refusal !== undefined) {
      attempt.block(target.refusal)
      return
    }
    const options: ProbedOptions = {
      origin: target.origin,
      path: target.path,
      method: request.method ?? 'POST',
      headers: request.headers as Record<string, string>,
      body: request.body,
      [PROBE]: attempt,
    }
    this.#dispatch(options, attempt)
  }

  #ended(): void {
    this.#underWay--
    if (this.#underWay > 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
