import { inTime } from './in-time.ts'
import type { Lease } from './types.ts'

export interface HeartbeatOptions {
  /** `extend` of the queue. */
  extend: (leases: readonly Lease[], leaseMs: number) => Promise<string[]>
  /** Length of a lease in milliseconds. */
  leaseMs: number
  /** Time between two beats. A third of the lease */
  intervalMs?: number
  /** Milliseconds, never going back. `performance.now` */
  monotonic?: () => number
  /** The row of a lease turned out to belong to somebody else; whoever works on it should stop. */
  onLost?: (lease: Lease) => void
  /** A beat failed; the next one comes sooner. */
  onError?: (error: unknown) => void
}

interface Held extends Lease {
  /** Monotonic time up to which the lease is certainly ours. */
  until: number
}

const chunk = 1000

/**
 * Renews leases in a loop of its own: a completion that hangs, fails or waits must not let the leases of running
 * work lapse. Times are taken before a request is sent, so the store's lease always ends later than ours.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #monotonic: () => number
  readonly #intervalMs: number
  readonly #held = new Map<string, Held>()
  #timer: NodeJS.Timeout | undefined
  #beating: Promise<void> | undefined
  #isClosed = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#intervalMs = options.intervalMs ?? options.leaseMs / 3
  }

  /** Number of leases looked after. */
  get size(): number {
    return this.#held.size
  }

  /** Looks after a lease. `askedAt` is the monotonic time just before the claim was asked for. */
  track({ id, leaseToken }: Lease, askedAt: number): void {
    const before = this.#held.get(id)
    if (before !== undefined && before.leaseToken !== leaseToken) this.#options.onLost?.(before)
    this.#held.set(id, { id, leaseToken, until: askedAt + this.#options.leaseMs })
    this.#schedule(this.#intervalMs)
  }

  /** Ends the care for a lease: its outcome is persisted, or it was given back. */
  forget({ id, leaseToken }: Lease): void {
    if (this.#held.get(id)?.leaseToken === leaseToken) this.#held.delete(id)
  }

  /** Milliseconds for which the lease is certainly ours; 0 when it is not looked after or may have lapsed. */
  remainingMs({ id, leaseToken }: Lease): number {
    const held = this.#held.get(id)
    return held?.leaseToken === leaseToken ? Math.max(0, held.until - this.#monotonic()) : 0
  }

  /** Renews every lease that is older than half an interval; `onLost` hears of those that are not ours. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined
    })
    return this.#beating
  }

  /** Stops renewing. Leases then last as long as they were last renewed for. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#beating
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed || this.#timer !== undefined || this.#held.size === 0) return
    this.#timer = setTimeout(() => void this.#tick(), delayMs)
  }

  async #tick(): Promise<void> {
    let delayMs = this.#intervalMs
    try {
      await this.beat()
    } catch (error) {
      this.#options.onError?.(error)
      delayMs = this.#intervalMs / 4
    }
    this.#timer = undefined
    this.#schedule(delayMs)
  }

  async #beat(): Promise<void> {
    const fresh = this.#monotonic() + this.#options.leaseMs - this.#intervalMs / 2
    const due = [...this.#held.values()].filter((held) => held.until < fresh)
    for (let from = 0; from < due.length; from += chunk) await this.#renew(due.slice(from, from + chunk))
  }

  async #renew(leases: readonly Held[]): Promise<void> {
    const askedAt = this.#monotonic()
    // A connection that answers nothing must not end the loop: the next beat takes another one.
    const answer = this.#options.extend(leases, this.#options.leaseMs)
    const ours = new Set(await inTime(answer, this.#intervalMs, 'renewing leases took too long'))
    for (const lease of leases) {
      const held = this.#held.get(lease.id)
      if (held?.leaseToken !== lease.leaseToken) continue
      if (ours.has(lease.id)) {
        held.until = askedAt + this.#options.leaseMs
      } else {
        this.#held.delete(lease.id)
        this.#options.onLost?.(lease)
      }
    }
  }
}
