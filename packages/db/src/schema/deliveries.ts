import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  primaryKey,
  real,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytes, instant, posthorn } from './namespace.ts'

export const DELIVERY_STATUSES = [
  'pending',
  'processing',
  'delivered',
  'failed',
  'dead',
  'cancelled',
] as const
/** `processing` is never stored here: it is what a leased row of `delivery_queue` makes of `pending`. */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/**
 * One event owed to one endpoint: written when it is owed, changed when an attempt went wrong or it ended.
 * Nothing that changes is indexed, so those changes stay on the page (HOT); what is queued lives in {@link deliveryQueue}.
 */
export const deliveries = posthorn.table(
  'deliveries',
  {
    id: uuid('id').primaryKey(),
    eventId: uuid('event_id').notNull(),
    endpointId: uuid('endpoint_id').notNull(),
    appId: uuid('app_id').notNull(),
    status: text('status').$type<Exclude<DeliveryStatus, 'processing'>>().notNull().default('pending'),
    attemptCount: integer('attempt_count').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull(),
    scheduledAt: instant('scheduled_at'),
    expiresAt: instant('expires_at').notNull(),
    /** sealed JSON object of this delivery's own request headers */
    headers: bytes('headers'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    orderingKey: text('ordering_key'),
    createdAt: instant('created_at').notNull().defaultNow(),
    deliveredAt: instant('delivered_at'),
    failedAt: instant('failed_at'),
    lastFailure: text('last_failure'),
    lastError: text('last_error'),
  },
  (t) => [
    index('deliveries_event').on(t.eventId),
    index('deliveries_app').on(t.appId, t.id),
    index('deliveries_endpoint').on(t.endpointId, t.id),
    check('deliveries_status', sql`${t.status} in ('pending', 'delivered', 'failed', 'dead', 'cancelled')`),
  ],
)

/** The queue of deliveries: one narrow row for each that is not over, deleted with its last attempt. */
export const deliveryQueue = posthorn.table(
  'delivery_queue',
  {
    id: uuid('id').primaryKey(),
    endpointId: uuid('endpoint_id').notNull(),
    status: text('status').$type<'pending' | 'processing' | 'halted'>().notNull().default('pending'),
    nextAttemptAt: instant('next_attempt_at').notNull(),
    attemptCount: integer('attempt_count').notNull().default(0),
    claimCount: integer('claim_count').notNull().default(0),
    leaseToken: uuid('lease_token'),
    leaseExpiresAt: instant('lease_expires_at'),
    orderingKey: text('ordering_key'),
    seq: bigint('seq', { mode: 'bigint' }),
    expiresAt: instant('expires_at').notNull(),
    cancelRequested: boolean('cancel_requested').notNull().default(false),
  },
  (t) => [
    index('delivery_queue_due').on(t.nextAttemptAt, t.id).where(sql`${t.status} = 'pending'`),
    index('delivery_queue_group')
      .on(t.endpointId, t.nextAttemptAt, t.id)
      .where(sql`${t.status} = 'pending' and ${t.orderingKey} is null`),
    // Lease tokens are in the order of time: what is leased now lies at the end, whatever was leased before.
    index('delivery_queue_leased')
      .on(t.leaseToken, t.endpointId, t.leaseExpiresAt)
      .where(sql`${t.status} = 'processing'`),
    index('delivery_queue_order')
      .on(t.endpointId, t.orderingKey, t.seq)
      .where(sql`${t.orderingKey} is not null`),
    check('delivery_queue_status', sql`${t.status} in ('pending', 'processing', 'halted')`),
  ],
)

/** What one HTTP request was made for. */
export type AttemptKind = 'delivery' | 'call' | 'health' | 'test'

/** One HTTP request made. Append-only, partitioned by the day of `started_at` (database clock); the migration makes it so. */
export const attempts = posthorn.table(
  'attempts',
  {
    id: uuid('id').notNull(),
    startedAt: instant('started_at').notNull(),
    kind: text('kind').$type<AttemptKind>().notNull(),
    deliveryId: uuid('delivery_id'),
    /** the call it was made for; null for every other kind */
    callId: uuid('call_id'),
    endpointId: uuid('endpoint_id').notNull(),
    number: integer('number').notNull(),
    durationMs: real('duration_ms').notNull(),
    success: boolean('success').notNull(),
    statusCode: smallint('status_code'),
    failure: text('failure'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    timing: jsonb('timing').$type<Record<string, number>>(),
    responseHeaders: jsonb('response_headers').$type<Record<string, string>>(),
    responseBody: text('response_body'),
    responseTruncated: boolean('response_truncated').notNull().default(false),
    workerId: text('worker_id').notNull(),
    circuitEpoch: bigint('circuit_epoch', { mode: 'number' }).notNull(),
  },
  (t) => [
    // Finds the attempts of a delivery, and makes writing one a second time do nothing: one index for both.
    uniqueIndex('attempts_delivery').on(t.deliveryId, t.id, t.startedAt),
    // The same for the attempts of a call, and nothing to pay for all others.
    uniqueIndex('attempts_call').on(t.callId, t.id, t.startedAt).where(sql`${t.callId} is not null`),
    index('attempts_endpoint').on(t.endpointId, t.startedAt),
    check('attempts_kind', sql`${t.kind} in ('delivery', 'call', 'health', 'test')`),
  ],
)

export const DEAD_LETTER_REASONS = ['exhausted', 'permanent', 'expired', 'blocked', 'poisoned'] as const
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** Deliveries that will not be tried again by themselves. Open until requeued or discarded. */
export const deadLetters = posthorn.table(
  'dead_letters',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    deliveryId: uuid('delivery_id').notNull(),
    eventId: uuid('event_id').notNull(),
    endpointId: uuid('endpoint_id').notNull(),
    reason: text('reason').$type<DeadLetterReason>().notNull(),
    failure: text('failure'),
    error: text('error'),
    attempts: integer('attempts').notNull(),
    failedAt: instant('failed_at').notNull().defaultNow(),
    requeuedAt: instant('requeued_at'),
    requeuedBy: text('requeued_by'),
    discardedAt: instant('discarded_at'),
    discardedBy: text('discarded_by'),
  },
  (t) => [
    uniqueIndex('dead_letters_open')
      .on(t.deliveryId)
      .where(sql`${t.requeuedAt} is null and ${t.discardedAt} is null`),
    index('dead_letters_delivery').on(t.deliveryId, t.id),
    index('dead_letters_app').on(t.appId, t.id),
    index('dead_letters_endpoint').on(t.endpointId, t.id),
    check(
      'dead_letters_reason',
      sql`${t.reason} in ('exhausted', 'permanent', 'expired', 'blocked', 'poisoned')`,
    ),
  ],
)

/**
 * What one worker process saw of one endpoint in one minute. Only that process writes the row, always with absolute
 * figures: writing it twice changes nothing. `buckets` and `bucketCounts` are a sparse latency histogram.
 */
export const attemptStats = posthorn.table(
  'attempt_stats',
  {
    endpointId: uuid('endpoint_id').notNull(),
    minute: instant('minute').notNull(),
    workerId: text('worker_id').notNull(),
    attempts: integer('attempts').notNull(),
    successes: integer('successes').notNull(),
    durationSumMs: bigint('duration_sum_ms', { mode: 'number' }).notNull(),
    failures: jsonb('failures').$type<Record<string, number>>().notNull(),
    buckets: smallint('buckets').array().notNull(),
    bucketCounts: integer('bucket_counts').array().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.endpointId, t.minute, t.workerId] }),
    index('attempt_stats_minute').on(t.minute),
  ],
)
