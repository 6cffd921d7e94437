import { and, asc, eq, getTableColumns, type SQL } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { byId, type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { attempts, type CallOutcome, calls } from '../schema/index.ts'
import type { NewCall } from './call-batch.ts'

/** A call as it was logged. */
export type StoredCall = NewCall

/** One request of a call. */
export interface StoredCallAttempt {
  readonly id: string
  readonly startedAt: Date
  readonly endpointId: string
  /** from 1 */
  readonly number: number
  readonly durationMs: number
  readonly success: boolean
  readonly statusCode: number | null
  /** class of the failure, such as `timeout` or `http_5xx` */
  readonly failure: string | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  /** milliseconds of each phase */
  readonly timing: Record<string, number> | null
  readonly responseHeaders: Record<string, string> | null
  readonly responseBody: string | null
  readonly responseTruncated: boolean
  readonly workerId: string
  /** the circuit's epoch at sending */
  readonly circuitEpoch: number
}

/** Which calls; all of them without one. */
export interface CallFilter {
  readonly capability?: string | undefined
  readonly outcome?: CallOutcome | undefined
}

const { kind: _kind, deliveryId: _deliveryId, callId: _callId, ...attemptColumns } = getTableColumns(attempts)

const ofApp = (appId: string | null): SQL | undefined => (appId === null ? undefined : eq(calls.appId, appId))

/** Reads calls, of one app or of all (null). They are written by {@link writeCalls} only. */
export class CallRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async list(appId: string | null, filter: CallFilter, request: PageRequest): Promise<Page<StoredCall>> {
    const position = parsePage(request)
    const { beyond, order } = byId(calls.id, position)
    const { capability, outcome } = filter
    const rows = await database(this.#pool)
      .select()
      .from(calls)
      .where(
        and(
          ofApp(appId),
          capability === undefined ? undefined : eq(calls.capability, capability),
          outcome === undefined ? undefined : eq(calls.outcome, outcome),
          beyond,
        ),
      )
      .orderBy(order)
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /** A call with the requests made for it, the first one first. */
  async get(
    appId: string | null,
    id: string,
  ): Promise<{ call: StoredCall; attempts: StoredCallAttempt[] } | undefined> {
    const db = database(this.#pool)
    const [call] = await db
      .select()
      .from(calls)
      .where(and(ofApp(appId), eq(calls.id, id)))
    if (call === undefined) return undefined
    const made = await db
      .select(attemptColumns)
      .from(attempts)
      .where(eq(attempts.callId, id))
      .orderBy(asc(attempts.number))
    return { call, attempts: made }
  }
}
