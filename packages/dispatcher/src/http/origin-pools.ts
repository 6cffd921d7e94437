import type { Dispatcher } from 'undici'
import { Exchange } from './exchange.ts'
import { OriginPool, type PoolSettings } from './origin-pool.ts'

/** The pools of all origins, at most `maxOrigins` of them beyond those that are in use. */
export class OriginPools {
  readonly #settings: PoolSettings
  readonly #maxOrigins: number
  readonly #pools = new Map<string, OriginPool>()
  #uses = 0

  constructor(settings: PoolSettings, maxOrigins: number) {
    this.#settings = settings
    this.#maxOrigins = maxOrigins
  }

  get size(): number {
    return this.#pools.size
  }

  /** The function that interceptors wrap: sends one request to the pool of its origin. */
  readonly dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean => {
    const pool = this.#poolOf(String(options.origin))
    pool.lastUsed = ++this.#uses
    pool.start(new Exchange(options, handler, pool))
    return true
  }

  /** Closes every connection that is idle. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close()
    this.#pools.clear()
  }

  #poolOf(origin: string): OriginPool {
    const known = this.#pools.get(origin)
    if (known !== undefined) return known
    while (this.#pools.size >= this.#maxOrigins && this.#evictLeastRecentlyUsed());
    const pool = new OriginPool(origin, this.#settings)
    this.#pools.set(origin, pool)
    return pool
  }

  /** A pool in use is never closed; when all are, the bound gives way until one is idle. */
  #evictLeastRecentlyUsed(): boolean {
    let oldest: OriginPool | undefined
    for (const pool of this.#pools.values()) {
      if (!pool.isInUse && pool.lastUsed < (oldest?.lastUsed ?? Number.POSITIVE_INFINITY)) oldest = pool
    }
    if (oldest === undefined) return false
    this.#pools.delete(oldest.origin)
    oldest.close()
    return true
  }
}
