/** One leased row: what a worker needs to start on it. Times are the store's clock, epoch milliseconds. */
export interface QueueItem {
  /** Id of the row, a uuid. */
  id: string
  /** Group of the row: caps, allowances and fairness are counted by it. */
  group: string
  /** Tries that have ended in an outcome which burnt an attempt. */
  attemptCount: number
  /**
   * Leases taken since the last outcome, this one included. It rises when a worker dies with the row in its
   * hands, so a row that kills its workers shows itself here; `release` gives the claim back.
   */
  claimCount: number
  /** Fence of this lease; every later write about the row must carry it. */
  leaseToken: string
  /** Store time of the claim. */
  claimedAtMs: number
  /** Store time at which the row became due. */
  dueAtMs: number
  /** The group's allowance when the row was claimed; null when it has none. */
  allowance: number | null
}

/** What a worker has room for. */
export interface ClaimRequest {
  /** Most rows to lease. */
  limit: number
  /** Length of the lease in milliseconds, from the store's time of the claim. */
  leaseMs: number
  /**
   * Most rows of one group in this claim. Without it a group's cap and allowance are the only hard limits,
   * and one group fills what the other groups leave.
   */
  perGroup?: number
  /** Groups that get nothing in this claim. */
  excludedGroups?: readonly string[]
  /** These groups together get at most `limit` rows of this claim. */
  shared?: { groups: readonly string[]; limit: number }
  /** Aborts the claim; nothing stays leased. */
  signal?: AbortSignal
}

/** The right to write about one row. */
export interface Lease {
  id: string
  leaseToken: string
}

/** How a leased row ends, without the lease. */
export type Ending =
  /** Finished; the row leaves the queue. */
  | { kind: 'done' }
  /** Due again after `delayMs` on the store's clock; `burnAttempt: false` for what was not the row's fault. */
  | { kind: 'retry'; delayMs: number; burnAttempt: boolean }
  /** Will not be tried again by itself; kept where a person finds it. */
  | { kind: 'bury'; reason: string }
  /** Called off; the row leaves the queue. */
  | { kind: 'cancel' }

/** What became of one leased row, with the record that is kept of it (an attempt). */
export type Outcome<R = undefined> = Lease & { record?: R } & Ending

/** Answer to one outcome. `applied: false`: the token was stale, the row belongs to somebody else or is gone. */
export interface Completion {
  id: string
  applied: boolean
}

/**
 * A durable, fair queue of rows with leases. One mechanism serves scheduling, retrying and crash recovery:
 * a claim leases due rows, and a lease that runs out makes its row claimable again.
 */
export interface Queue<R = undefined> {
  /** True when an outcome and its record are persisted together or not at all. */
  readonly atomicRecords: boolean
  /** Leases due rows: oldest first, fair between groups, heads only of each ordering key. */
  claim(request: ClaimRequest): Promise<QueueItem[]>
  /** Persists outcomes. A record whose token is stale is still kept; the row is then left alone. */
  complete(outcomes: readonly Outcome<R>[]): Promise<Completion[]>
  /**
   * Moves the end of leases to `leaseMs` from now and returns the ids that are still ours. Rows that somebody
   * is writing at that moment are not waited for; they count as ours and keep the lease they have.
   */
  extend(leases: readonly Lease[], leaseMs: number): Promise<string[]>
  /**
   * Gives rows back unworked: no attempt burnt, the claim not counted; due as before, or with `delayMs` that long
   * from now.
   */
  release(leases: readonly Lease[], options?: { delayMs?: number }): Promise<void>
}
