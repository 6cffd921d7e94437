import { and, asc, desc, eq, gt, gte, lt, type SQL } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { type CaptureErrorCode, type EventStatus, events } from '../schema/index.ts'

/** An event as it was kept. */
export interface StoredEvent {
  readonly id: string
  readonly source: string
  readonly requestId: string | null
  readonly traceId: string | null
  readonly eventType: string
  readonly sessionId: string | null
  /** null for an event that is INVALID or a DUPLICATE */
  readonly payload: string | null
  readonly metadata: Record<string, unknown> | null
  readonly status: EventStatus
  readonly receivedAt: Date
  /** by its sender's clock; this and what follows are null for published events */
  readonly occurredAt: Date | null
  readonly processedAt: Date | null
  readonly processingTimeMs: number | null
  readonly conversationId: string | null
  readonly messageId: string | null
  readonly toolUseId: string | null
  readonly errorCode: CaptureErrorCode | null
  readonly errorMessage: string | null
  readonly errorStack: string | null
  readonly retryCount: number
  readonly retryAfter: Date | null
  readonly duplicateOf: string | null
  /** what was received with an event that is INVALID */
  readonly rawBody: Buffer | null
}

/** An event in a list: without what may be a megabyte. */
export type EventSummary = Omit<StoredEvent, 'payload' | 'rawBody' | 'errorStack'>

/** Which events of an app; every filter has an index. */
export interface EventFilter {
  readonly type?: string
  readonly requestId?: string
  readonly sessionId?: string
  readonly status?: EventStatus
  readonly since?: Date
}

const summary = {
  id: events.id,
  source: events.source,
  requestId: events.requestId,
  traceId: events.traceId,
  eventType: events.eventType,
  sessionId: events.sessionId,
  metadata: events.metadata,
  status: events.status,
  receivedAt: events.receivedAt,
  occurredAt: events.occurredAt,
  processedAt: events.processedAt,
  processingTimeMs: events.processingTimeMs,
  conversationId: events.conversationId,
  messageId: events.messageId,
  toolUseId: events.toolUseId,
  errorCode: events.errorCode,
  errorMessage: events.errorMessage,
  retryCount: events.retryCount,
  retryAfter: events.retryAfter,
  duplicateOf: events.duplicateOf,
}

/** Reads events. They are written by {@link acceptEvents} only. */
export class EventRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async get(appId: string, id: string): Promise<StoredEvent | undefined> {
    const [row] = await database(this.#pool)
      .select({ ...summary, payload: events.payload, rawBody: events.rawBody, errorStack: events.errorStack })
      .from(events)
      .where(and(eq(events.appId, appId), eq(events.id, id)))
    return row
  }

  async list(appId: string, filter: EventFilter, request: PageRequest): Promise<Page<EventSummary>> {
    const position = parsePage(request)
    const rows = await eventListQuery(this.#pool, appId, filter, position)
    return toPage(rows, position)
  }
}

/** The query behind a list, apart so that a test can ask the planner about it. */
export function eventListQuery(
  pool: pg.Pool,
  appId: string,
  filter: EventFilter,
  position: ReturnType<typeof parsePage>,
) {
  const forward = position.direction === 'after'
  const conditions: (SQL | undefined)[] = [
    eq(events.appId, appId),
    filter.type !== undefined ? eq(events.eventType, filter.type) : undefined,
    filter.requestId !== undefined ? eq(events.requestId, filter.requestId) : undefined,
    filter.sessionId !== undefined ? eq(events.sessionId, filter.sessionId) : undefined,
    filter.status !== undefined ? eq(events.status, filter.status) : undefined,
    filter.since !== undefined ? gte(events.id, firstIdAt(filter.since)) : undefined,
    position.id ? (forward ? lt(events.id, position.id) : gt(events.id, position.id)) : undefined,
  ]
  return database(pool)
    .select(summary)
    .from(events)
    .where(and(...conditions))
    .orderBy(forward ? desc(events.id) : asc(events.id))
    .limit(position.limit + 1)
}

/** The smallest UUIDv7 of a moment: ids are in the order of time, so a time filter is a range of the primary key. */
export function firstIdAt(instant: Date): string {
  const hex = Math.max(0, instant.getTime()).toString(16).padStart(12, '0').slice(-12)
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
