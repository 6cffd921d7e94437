const SLOW_MS = 1_000
const WEIGHT = 0.3

/** Which endpoints have answered slowly of late: together they may take at most half of a worker's slots. */
export class SlowEndpoints {
  readonly #latency = new Map<string, number>()
  readonly #inFlight = new Map<string, number>()

  /** Ids of endpoints whose smoothed latency is above a second. */
  get ids(): string[] {
    return [...this.#latency.keys()]
  }

  /** Requests under way to slow endpoints. */
  get inFlight(): number {
    let count = 0
    for (const id of this.#latency.keys()) count += this.#inFlight.get(id) ?? 0
    return count
  }

  started(endpointId: string): void {
    this.#inFlight.set(endpointId, (this.#inFlight.get(endpointId) ?? 0) + 1)
  }

  ended(endpointId: string, durationMs: number | undefined): void {
    const left = (this.#inFlight.get(endpointId) ?? 1) - 1
    if (left > 0) this.#inFlight.set(endpointId, left)
    else this.#inFlight.delete(endpointId)
    if (durationMs === undefined) return
    const known = this.#latency.get(endpointId)
    if (known === undefined && durationMs < SLOW_MS) return
    const smoothed = known === undefined ? durationMs : known + WEIGHT * (durationMs - known)
    // Only the slow are kept, so that ten thousand quick endpoints cost nothing.
    if (smoothed >= SLOW_MS) this.#latency.set(endpointId, smoothed)
    else this.#latency.delete(endpointId)
  }
}
