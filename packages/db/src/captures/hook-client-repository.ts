import { and, asc, desc, eq, getTableColumns, gt, lt } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { hookClients } from '../schema/index.ts'
import type { ClientReport } from './capture.ts'

/** A hook client as it last reported itself. */
export interface HookClient extends ClientReport {
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
