import { sql } from 'drizzle-orm'
import { check, index, inet, integer, jsonb, primaryKey, real, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, posthorn } from './namespace.ts'

/**
 * One received request, kept whole for audit. `payload` holds the bytes of the request, never reprinted: text, not jsonb.
 * The columns from `rawBody` on belong to captured events; of a published one they are null.
 */
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
    /** null for INVALID (see `rawBody`) and DUPLICATE (see `duplicateOf`) */
    payload: text('payload'),
    headers: jsonb('headers').$type<Record<string, string>>(),
    ipAddress: inet('ip_address'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    status: text('status').$type<EventStatus>().notNull().default('SUCCESS'),
    receivedAt: instant('received_at').notNull().defaultNow(),
    /** the bytes of a request that is INVALID: they may be no text at all */
    rawBody: bytes('raw_body'),
    /** when it happened, by the clock of its sender */
    occurredAt: instant('occurred_at'),
    /** when its projection ended, well or not, the last time */
    processedAt: instant('processed_at'),
    processingTimeMs: real('processing_time_ms'),
    conversationId: uuid('conversation_id'),
    messageId: uuid('message_id'),
    /** the row of `tool_uses`, not the tool's own id */
    toolUseId: uuid('tool_use_id'),
    errorCode: text('error_code').$type<CaptureErrorCode>(),
    errorMessage: text('error_message'),
    errorStack: text('error_stack'),
    /** tries of its projection that failed */
    retryCount: integer('retry_count').notNull().default(0),
    retryAfter: instant('retry_after'),
    duplicateOf: uuid('duplicate_of'),
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

/** What went wrong with a captured event. */
export type CaptureErrorCode =
  | 'validation'
  | 'duplicate'
  | 'database'
  | 'timeout'
  | 'projection'
  | 'unexpected'

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
