import { and, asc, desc, eq, getTableColumns, gt, lt } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { hookClients } from '../schema/index.ts'

/** A hook client as it last reported itself. */
export interface HookClient {
  /** made by the client once, kept beside its spool */
  readonly id: string
  readonly host: string | null
  readonly platform: string | null
  readonly arch: string | null
  readonly nodeVersion: string | null
  readonly version: string | null
  /** events in its spool */
  readonly backlog: number
  /** events that it gave up */
  readonly failed: number
  /** events that it dropped, over all reports */
  readonly dropped: number
  readonly droppedByReason: Record<string, number>
  readonly lastError: { code: string; at: string | null } | null
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
}

const { appId: _, ...columns } = getTableColumns(hookClients)

/** Reads hook clients. They are written with the events that they send, see {@link acceptCapture}. */
export class HookClientRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async list(appId: string, request: PageRequest): Promise<Page<HookClient>> {
    const position = parsePage(request)
    const forward = position.direction === 'after'
    const beyond =
      position.id && (forward ? lt(hookClients.id, position.id) : gt(hookClients.id, position.id))
    const rows = await database(this.#pool)
      .select(columns)
      .from(hookClients)
      .where(and(eq(hookClients.appId, appId), beyond || undefined))
      .orderBy(forward ? desc(hookClients.id) : asc(hookClients.id))
      .limit(position.limit + 1)
    return toPage(rows, position)
  }
}
