import type pg from 'pg'
import { ClaimCursor, type ClaimNote } from './claim-cursor.ts'
import { checkClaimRequest } from './claim-request.ts'
import { beginClaimSql, type ClaimParameters, claimSql, narrowWindow, widestWindow } from './sql/claim.ts'
import { type CompleteSqlOptions, completeSql } from './sql/complete.ts'
import { completionParameters } from './sql/complete-parameters.ts'
import { extendSql } from './sql/extend.ts'
import { reapSql } from './sql/reap.ts'
import { releaseSql } from './sql/release.ts'
import { run, type Statement, statement } from './sql/statement.ts'
import { checkQueueTable, type QueueTable } from './table.ts'
import { onClient } from './transaction.ts'
import type { ClaimRequest, Completion, Lease, Outcome, Queue, QueueItem } from './types.ts'

/** Cap of a group that the gates relation says nothing about. */
export const defaultMaxInFlight = 16

export interface PostgresQueueOptions<R> extends CompleteSqlOptions {
  pool: pg.Pool
  table: QueueTable
  /** Cap of a group without a row in `gates`: most rows leased at a time. 16. */
  defaultMaxInFlight?: number
  /**
   * Writes outcomes and their records in one transaction, instead of the standard completion, which keeps no
   * records. It must lock its rows ordered by id and touch them only where the token matches.
   */
  complete?: (outcomes: readonly Outcome<R>[]) => Promise<Completion[]>
  /**
   * Runs in the claim's transaction, before its commit, under the queue's lock: keep it short. What it throws
   * undoes the claim. The transaction has `synchronous_commit` off, and no plans with sequential scans.
   */
  onClaimed?: (client: pg.PoolClient, items: readonly QueueItem[]) => Promise<void>
  /** False behind a transaction pooler: no named statements. True. */
  preparedStatements?: boolean
  /** Clock of the remembered lower bound, milliseconds, never going back. */
  monotonic?: () => number
}

interface ClaimRow {
  id: string | null
  group: string
  attempt_count: number
  claim_count: number
  lease_token: string
  claimed_at_ms: number
  due_at_ms: number
  allowance: number | null
  note: string | null
}

/** The queue over a PostgreSQL table. All times are the database's. */
export class PostgresQueue<R = undefined> implements Queue<R> {
  readonly atomicRecords: boolean
  readonly table: QueueTable
  readonly #options: PostgresQueueOptions<R>
  readonly #cursor: ClaimCursor
  readonly #prepared: boolean
  readonly #begin: string
  readonly #sql: Record<'reap' | 'claim' | 'complete' | 'extend' | 'release', Statement>

  constructor(options: PostgresQueueOptions<R>) {
    this.table = checkQueueTable(options.table)
    this.atomicRecords = options.complete !== undefined
    this.#options = options
    this.#prepared = options.preparedStatements ?? true
    this.#cursor = new ClaimCursor(this.table.groupType, options.monotonic)
    this.#begin = beginClaimSql(this.table)
    this.#sql = {
      reap: statement('posthorn_reap', reapSql(this.table)),
      claim: statement('posthorn_claim', claimSql(this.table)),
      complete: statement('posthorn_complete', completeSql(this.table, options)),
      extend: statement('posthorn_extend', extendSql(this.table)),
      release: statement('posthorn_release', releaseSql(this.table)),
    }
  }

  async claim(request: ClaimRequest): Promise<QueueItem[]> {
    checkClaimRequest(request)
    request.signal?.throwIfAborted()
    if (request.limit === 0) return []
    try {
      return await onClient(this.#options.pool, (client) => this.#claim(client, request))
    } catch (error) {
      this.#cursor.forget()
      throw error
    }
  }

  async #claim(client: pg.PoolClient, request: ClaimRequest): Promise<QueueItem[]> {
    request.signal?.throwIfAborted()
    await client.query(this.#begin)
    const look = this.#cursor.next()
    const lookedAt = performance.now()
    if (look.reaps) await run(client, this.#sql.reap, [look.slow, look.since], this.#prepared)
    const fairShare = Math.max(1, Math.ceil(request.limit / 10))
    const perGroup = Math.min(request.perGroup ?? request.limit, request.limit)
    const parameters: ClaimParameters = [
      request.limit,
      request.leaseMs,
      Math.min(fairShare, perGroup),
      perGroup,
      request.excludedGroups ?? [],
      request.shared?.groups ?? [],
      request.shared?.limit ?? request.limit,
      this.#options.defaultMaxInFlight ?? defaultMaxInFlight,
      look.floor,
      look.groupStart,
      look.keyGroupStart,
      look.keyStart,
      look.deep ? allKeys : Math.min(fairShare, perGroup),
      look.slow,
      look.since,
      look.wide ? widestWindow : narrowWindow(request.limit),
    ]
    const { rows } = await run<ClaimRow>(client, this.#sql.claim, parameters, this.#prepared)
    const tookMs = performance.now() - lookedAt
    const items: QueueItem[] = []
    let note: ClaimNote | undefined
    for (const row of rows) {
      if (row.note !== null) note = JSON.parse(row.note) as ClaimNote
      else if (row.id !== null) items.push(toItem(row, row.id))
    }
    items.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1))
    if (items.length > 0) await this.#options.onClaimed?.(client, items)
    request.signal?.throwIfAborted()
    await client.query('commit')
    if (note) this.#cursor.learn(look, note, tookMs)
    return items
  }

  async complete(outcomes: readonly Outcome<R>[]): Promise<Completion[]> {
    if (outcomes.length === 0) return []
    if (this.#options.complete) return this.#options.complete(outcomes)
    const { rows } = await run<{ id: string; token: string }>(
      this.#options.pool,
      this.#sql.complete,
      completionParameters(outcomes),
      false,
    )
    const applied = new Set(rows.map((row) => `${row.id} ${row.token}`))
    return outcomes.map(({ id, leaseToken }) => ({ id, applied: applied.has(`${id} ${leaseToken}`) }))
  }

  async extend(leases: readonly Lease[], leaseMs: number): Promise<string[]> {
    if (leases.length === 0) return []
    const { rows } = await run<{ id: string }>(
      this.#options.pool,
      this.#sql.extend,
      [...leaseParameters(leases), leaseMs],
      false,
    )
    return rows.map((row) => row.id)
  }

  async release(leases: readonly Lease[], options: { delayMs?: number } = {}): Promise<void> {
    if (leases.length === 0) return
    const parameters = [...leaseParameters(leases), options.delayMs ?? null]
    await run(this.#options.pool, this.#sql.release, parameters, false)
    this.#cursor.forget()
  }
}

/** A deep key scan never leaves a group before its last key. */
const allKeys = 1_000_000

function leaseParameters(leases: readonly Lease[]): [string[], string[]] {
  return [leases.map((lease) => lease.id), leases.map((lease) => lease.leaseToken)]
}

function toItem(row: ClaimRow, id: string): QueueItem {
  return {
    id,
    group: row.group,
    attemptCount: row.attempt_count,
    claimCount: row.claim_count,
    leaseToken: row.lease_token,
    claimedAtMs: Math.floor(row.claimed_at_ms),
    dueAtMs: Math.floor(row.due_at_ms),
    allowance: row.allowance,
  }
}
