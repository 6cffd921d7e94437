import { sql } from 'drizzle-orm'
import { check, index, inet, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, posthorn } from './namespace.ts'

/** One received request, kept whole for audit. `payload` holds the bytes of the request, never reprinted: text, not jsonb. */
export const events = posthorn.table(
  'events',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    source: text('source').notNull(),
    /** what the sender named it by; null: `req_` and the id itself */
    requestId: text('request_id'),
    traceId: text('trace_id'),
    eventType: text('event_type').notNull(),
    sessionId: text('session_id'),
    payload: text('payload').notNull(),
    headers: jsonb('headers').$type<Record<string, string>>(),
    ipAddress: inet('ip_address'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    status: text('status').$type<EventStatus>().notNull().default('SUCCESS'),
    receivedAt: instant('received_at').notNull().defaultNow(),
  },
  (t) => [
    index('events_app').on(t.appId, t.id),
    index('events_type').on(t.appId, t.eventType, t.id),
    index('events_request').on(t.appId, t.requestId).where(sql`${t.requestId} is not null`),
    index('events_session').on(t.appId, t.sessionId, t.id).where(sql`${t.sessionId} is not null`),
    index('events_status').on(t.appId, t.status, t.id).where(sql`${t.status} <> 'SUCCESS'`),
    check(
      'events_status_known',
      sql`${t.status} in ('PENDING', 'PROCESSING', 'SUCCESS', 'PENDING_RETRY', 'FAILED', 'ERROR', 'INVALID', 'DUPLICATE')`,
    ),
  ],
)

export type EventStatus =
  | 'PENDING'
  | 'PROCESSING'
  | 'SUCCESS'
  | 'PENDING_RETRY'
  | 'FAILED'
  | 'ERROR'
  | 'INVALID'
  | 'DUPLICATE'

/** Which event a key made. Narrow and unpartitioned, so that its primary key can promise "once" over all of time kept. */
export const idempotencyKeys = posthorn.table(
  'idempotency_keys',
  {
    appId: uuid('app_id').notNull(),
    key: text('key').notNull(),
    fingerprint: bytes('fingerprint').notNull(),
    eventId: uuid('event_id').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.appId, t.key] }), index('idempotency_keys_expiry').on(t.expiresAt)],
)
