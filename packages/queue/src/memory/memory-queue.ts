import { randomUUID } from 'node:crypto'
import { checkClaimRequest } from '../claim-request.ts'
import type { Job } from '../own/job-queue.ts'
import { type NewItem, newItemColumns } from '../own/new-items.ts'
import { defaultMaxInFlight } from '../postgres-queue.ts'
import { poisoned } from '../sql/complete-parameters.ts'
import type { ClaimRequest, Completion, Lease, Outcome, Queue } from '../types.ts'
import type { WakeOptions } from '../worker.ts'
import { Group, isOlder, type Row } from './group.ts'

export interface MemoryQueueOptions<R> {
  /** The queue's clock, epoch milliseconds. `Date.now` */
  now?: () => number
  /** Cap of a group that `gate` says nothing about. 16 */
  defaultMaxInFlight?: number
  /** Cap and allowance of a group, asked at each claim. */
  gate?: (group: string) => { maxInFlight?: number | null; allowance?: number | null } | undefined
  /** Takes the record of an outcome, in the same turn in which the row changes. */
  onRecord?: (record: R, outcome: Outcome<R>, applied: boolean) => void
  /** True: a buried row with an ordering key blocks its key. False */
  haltKeys?: boolean
}

/** The queue in the memory of this process: for tests, and for work that need not survive it. */
export class MemoryQueue<T = unknown, R = undefined> implements Queue<R> {
  readonly atomicRecords: boolean
  readonly wakeOptions: WakeOptions = { mode: 'poll', pollMs: 20 }
  /** Rows that will not be tried again by themselves, by id. */
  readonly buried = new Map<string, { payload: T; group: string; reason: string; attemptCount: number }>()
  readonly #options: MemoryQueueOptions<R>
  readonly #now: () => number
  readonly #rows = new Map<string, Row<T>>()
  readonly #groups = new Map<string, Group<T>>()
  readonly #leased = new Set<Row<T>>()
  #seq = 0

  constructor(options: MemoryQueueOptions<R> = {}) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.atomicRecords = options.onRecord !== undefined
  }

  /** Rows in the queue, leased ones included. */
  get size(): number {
    return this.#rows.size
  }

  /**
   * Enqueues jobs and returns their ids; an id that is in the queue is left alone.
   * @throws {ValidationError}
   */
  async enqueue(items: readonly NewItem<T>[]): Promise<string[]> {
    const now = this.#now()
    const [ids, groups, , delays, times, keys] = newItemColumns(items)
    items.forEach((item, index) => {
      const id = ids[index] ?? ''
      const group = groups[index] ?? ''
      if (this.#rows.has(id)) return
      this.#seq += 1
      const row: Row<T> = {
        id,
        group,
        payload: item.payload,
        status: 'pending',
        dueAtMs: times[index]?.getTime() ?? now + (delays[index] ?? 0),
        attemptCount: 0,
        claimCount: 0,
        leaseToken: undefined,
        leaseUntilMs: 0,
        orderingKey: keys[index] ?? undefined,
        seq: this.#seq,
      }
      this.#rows.set(id, row)
      this.#group(group).add(row)
    })
    return ids
  }

  async claim(request: ClaimRequest): Promise<Job<T>[]> {
    checkClaimRequest(request)
    request.signal?.throwIfAborted()
    if (request.limit === 0) return []
    const now = this.#now()
    this.#reap(now)
    const { granted, allowances, others } = this.#choose(request, now)
    for (const row of others) this.#group(row.group).putBack(row)
    for (const row of granted) {
      row.status = 'processing'
      row.claimCount += 1
      row.leaseToken = randomUUID()
      row.leaseUntilMs = now + request.leaseMs
      this.#leased.add(row)
      this.#group(row.group).inFlight += 1
    }
    granted.sort((a, b) => (isOlder(a, b) ? -1 : 1))
    return granted.map((row) => ({
      id: row.id,
      group: row.group,
      payload: row.payload,
      attemptCount: row.attemptCount,
      claimCount: row.claimCount,
      leaseToken: row.leaseToken ?? '',
      claimedAtMs: now,
      dueAtMs: row.dueAtMs,
      allowance: allowances.get(row.group) ?? null,
    }))
  }

  async complete(outcomes: readonly Outcome<R>[]): Promise<Completion[]> {
    const now = this.#now()
    return outcomes.map((outcome) => {
      const row = this.#ours(outcome)
      if (row) this.#end(row, outcome, now)
      const applied = row !== undefined
      if (outcome.record !== undefined) this.#options.onRecord?.(outcome.record, outcome, applied)
      return { id: outcome.id, applied }
    })
  }

  async extend(leases: readonly Lease[], leaseMs: number): Promise<string[]> {
    const until = this.#now() + leaseMs
    return leases.flatMap((lease) => {
      const row = this.#ours(lease)
      if (!row) return []
      row.leaseUntilMs = Math.max(row.leaseUntilMs, until)
      return [row.id]
    })
  }

  async release(leases: readonly Lease[], options: { delayMs?: number } = {}): Promise<void> {
    for (const lease of leases) {
      const row = this.#ours(lease)
      if (!row) continue
      row.claimCount = Math.max(0, row.claimCount - 1)
      if (options.delayMs !== undefined) row.dueAtMs = this.#now() + options.delayMs
      this.#unlease(row)
      this.#group(row.group).putBack(row)
    }
  }

  /** Lets a buried row's key go on; the row is gone. */
  discard(id: string): void {
    this.buried.delete(id)
    const row = this.#rows.get(id)
    if (row?.status === 'halted') this.#remove(row)
  }

  /** Fair choice: each group's first rows before anybody's second, groups never above their room. */
  #choose(request: ClaimRequest, now: number) {
    const excluded = new Set(request.excludedGroups)
    const shared = new Set(request.shared?.groups)
    const perGroup = Math.min(request.perGroup ?? request.limit, request.limit)
    const allowances = new Map<string, number | null>()
    const candidates: { row: Row<T>; rank: number }[] = []
    for (const [name, group] of this.#groups) {
      if (excluded.has(name)) continue
      const gate = this.#options.gate?.(name)
      const cap = gate?.maxInFlight ?? this.#options.defaultMaxInFlight ?? defaultMaxInFlight
      const room = Math.min(cap - group.inFlight, gate?.allowance ?? Number.POSITIVE_INFINITY, perGroup)
      if (room <= 0) continue
      allowances.set(name, gate?.allowance ?? null)
      for (const [rank, row] of group.takeDue(room, now).entries()) candidates.push({ row, rank })
    }
    candidates.sort((a, b) => a.rank - b.rank || (isOlder(a.row, b.row) ? -1 : 1))
    let sharedLeft = request.shared?.limit ?? 0
    const granted: Row<T>[] = []
    const others: Row<T>[] = []
    for (const { row } of candidates) {
      const isShared = shared.has(row.group)
      if (granted.length < request.limit && (!isShared || sharedLeft > 0)) {
        granted.push(row)
        if (isShared) sharedLeft -= 1
      } else {
        others.push(row)
      }
    }
    return { granted, others, allowances }
  }

  #reap(now: number): void {
    for (const row of this.#leased) {
      if (row.leaseUntilMs > now) continue
      this.#unlease(row)
      this.#group(row.group).putBack(row)
    }
  }

  #end(row: Row<T>, outcome: Outcome<R>, now: number): void {
    this.#unlease(row)
    if (outcome.kind === 'retry') {
      row.attemptCount += outcome.burnAttempt ? 1 : 0
      row.claimCount = 0
      row.dueAtMs = now + outcome.delayMs
      this.#group(row.group).putBack(row)
      return
    }
    if (outcome.kind === 'bury') {
      const { reason } = outcome
      const attemptCount = row.attemptCount + (reason === poisoned ? 0 : 1)
      this.buried.set(row.id, { payload: row.payload, group: row.group, reason, attemptCount })
      if (this.#options.haltKeys && row.orderingKey !== undefined) {
        row.status = 'halted'
        return
      }
    }
    this.#remove(row)
  }

  #ours({ id, leaseToken }: Lease): Row<T> | undefined {
    const row = this.#rows.get(id)
    return row?.status === 'processing' && row.leaseToken === leaseToken ? row : undefined
  }

  #unlease(row: Row<T>): void {
    this.#leased.delete(row)
    this.#group(row.group).inFlight -= 1
    row.status = 'pending'
    row.leaseToken = undefined
  }

  #remove(row: Row<T>): void {
    this.#rows.delete(row.id)
    const group = this.#group(row.group)
    group.remove(row)
    if (group.isEmpty) this.#groups.delete(row.group)
  }

  #group(name: string): Group<T> {
    let group = this.#groups.get(name)
    if (!group) {
      group = new Group()
      this.#groups.set(name, group)
    }
    return group
  }
}
