import { and, asc, eq, getTableColumns, inArray, isNull, lte, type SQL, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database, inTransaction } from '../database.ts'
import { byId, type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { notifications } from '../schema/index.ts'
import { storableText } from '../storable-text.ts'
import type { NewNotification } from './notification.ts'

/** A notification as people see it. */
export interface Notification extends NewNotification {
  /** since when nothing new has come; null: it is unread */
  readonly readAt: Date | null
  readonly readBy: string | null
}

/** Which notifications; all of them without one. */
export interface NotificationFilter {
  readonly roomId?: string | undefined
  /** true: only unread ones; false: only read ones */
  readonly unread?: boolean | undefined
}

/** Some notifications, or those of a room that nothing has been added to after a moment. */
export type NotificationChoice =
  | { readonly ids: readonly string[] }
  | { readonly roomId: string; readonly until: Date }

const { parts: _, ...columns } = getTableColumns(notifications)

const ofApp = (appId: string | null): SQL | undefined =>
  appId === null ? undefined : eq(notifications.appId, appId)
const inRoom = (roomId: string): SQL => eq(notifications.roomId, storableText(roomId))

/** Notifications of one app or of all (null). They are written by {@link writeCalls} only. */
export class NotificationRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async get(appId: string | null, id: string): Promise<Notification | undefined> {
    const [row] = await database(this.#pool)
      .select(columns)
      .from(notifications)
      .where(and(ofApp(appId), eq(notifications.id, id)))
    return row
  }

  async list(
    appId: string | null,
    { roomId, unread }: NotificationFilter,
    request: PageRequest,
  ): Promise<Page<Notification>> {
    const position = parsePage(request)
    const { beyond, order } = byId(notifications.id, position)
    const isRead = sql`${notifications.readAt} is not null`
    const rows = await database(this.#pool)
      .select(columns)
      .from(notifications)
      .where(
        and(
          ofApp(appId),
          roomId === undefined ? undefined : inRoom(roomId),
          unread === undefined ? undefined : unread ? isNull(notifications.readAt) : isRead,
          beyond,
        ),
      )
      .orderBy(order)
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /**
   * Marks notifications as read; those that are keep who read them first.
   *
   * @returns how many were unread
   */
  async markRead(appId: string | null, choice: NotificationChoice, by: string): Promise<number> {
    const chosen =
      'ids' in choice
        ? inArray(notifications.id, [...choice.ids])
        : and(inRoom(choice.roomId), lte(notifications.lastAt, choice.until))
    return inTransaction(this.#pool, async (client) => {
      const db = database(client)
      // In the order of ids, as they are written: else two of many rows could wait for each other.
      const locked = await db
        .select({ id: notifications.id })
        .from(notifications)
        .where(and(ofApp(appId), chosen, isNull(notifications.readAt)))
        .orderBy(asc(notifications.id))
        .for('update')
      if (locked.length === 0) return 0
      await db
        .update(notifications)
        .set({ readAt: sql`clock_timestamp()`, readBy: by })
        .where(
          inArray(
            notifications.id,
            locked.map(({ id }) => id),
          ),
        )
      return locked.length
    })
  }
}
