const SLOW_MS = 1_000
const STALLED_MS = 500
const WEIGHT = 0.3

interface UnderWay {
  count: number
  /** since when nothing has been heard from it: its last answer, or its first request after a pause */
  quietSince: number
}

/**
 * Which endpoints answer slowly: those whose smoothed latency is above a second, and those that have said nothing for half
 * a second while requests to them are under way, which needs no history. Together they may take at most half of a
 * worker's slots; what they hold beyond that already does not count against the others.
 */
export class SlowEndpoints {
  readonly #now: () => number
  readonly #latency = new Map<string, number>()
  readonly #underWay = new Map<string, UnderWay>()

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Ids of endpoints that are slow now, and how many requests to them are under way. */
  look(): { readonly ids: string[]; readonly inFlight: number } {
    const ids = new Set(this.#latency.keys())
    const stalledSince = this.#now() - STALLED_MS
    let inFlight = 0
    for (const [id, { count, quietSince }] of this.#underWay) {
      if (quietSince < stalledSince) ids.add(id)
      if (ids.has(id)) inFlight += count
    }
    return { ids: [...ids], inFlight }
  }

  /** A request goes out. */
  started(endpointId: string): void {
    const known = this.#underWay.get(endpointId)
    if (known) known.count += 1
    else this.#underWay.set(endpointId, { count: 1, quietSince: this.#now() })
  }

  /** A request has ended; without a duration it says nothing about the endpoint. */
  ended(endpointId: string, durationMs: number | undefined): void {
    const known = this.#underWay.get(endpointId)
    if (known) {
      known.count -= 1
      known.quietSince = this.#now()
      if (known.count === 0) this.#underWay.delete(endpointId)
    }
    if (durationMs !== undefined) this.#learn(endpointId, durationMs)
  }

  #learn(endpointId: string, durationMs: number): void {
    const known = this.#latency.get(endpointId)
    if (known === undefined && durationMs < SLOW_MS) return
    const smoothed = known === undefined ? durationMs : known + WEIGHT * (durationMs - known)
    // Only the slow are kept, so that ten thousand quick endpoints cost nothing.
    if (smoothed >= SLOW_MS) this.#latency.set(endpointId, smoothed)
    else this.#latency.delete(endpointId)
  }
}
