import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant, posthorn } from './namespace.ts'

/**
 * Captured events whose projection is not over: one narrow row for each, with the columns of a queue. It is written with
 * the event, leased to the process that took it in, and deleted with the projection: as large as what is unfinished.
 */
export const projectionQueue = posthorn.table(
  'projection_queue',
  {
    /** the event */
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    status: text('status').$type<'pending' | 'processing' | 'halted'>().notNull().default('pending'),
    nextAttemptAt: instant('next_attempt_at').notNull().default(sql`statement_timestamp()`),
    attemptCount: integer('attempt_count').notNull().default(0),
    claimCount: integer('claim_count').notNull().default(0),
    leaseToken: uuid('lease_token'),
    leaseExpiresAt: instant('lease_expires_at'),
    orderingKey: text('ordering_key'),
    seq: bigint('seq', { mode: 'bigint' }),
  },
  (t) => [
    index('projection_queue_due').on(t.nextAttemptAt, t.id).where(sql`${t.status} = 'pending'`),
    index('projection_queue_group')
      .on(t.appId, t.nextAttemptAt, t.id)
      .where(sql`${t.status} = 'pending' and ${t.orderingKey} is null`),
    index('projection_queue_leased')
      .on(t.leaseToken, t.appId, t.leaseExpiresAt)
      .where(sql`${t.status} = 'processing'`),
    index('projection_queue_order')
      .on(t.appId, t.orderingKey, t.seq)
      .where(sql`${t.orderingKey} is not null`),
    check('projection_queue_status', sql`${t.status} in ('pending', 'processing', 'halted')`),
  ],
)

/** Hook clients as they last reported themselves, with the sum of what each had to drop. */
export const hookClients = posthorn.table(
  'hook_clients',
  {
    appId: uuid('app_id').notNull(),
    /** made by the client once, kept beside its spool */
    id: uuid('id').notNull(),
    host: text('host'),
    platform: text('platform'),
    arch: text('arch'),
    nodeVersion: text('node_version'),
    version: text('version'),
    /** events in its spool, and those it gave up, at its last report */
    backlog: integer('backlog').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    /** events it dropped, over all reports */
    dropped: bigint('dropped', { mode: 'number' }).notNull().default(0),
    droppedByReason: jsonb('dropped_by_reason').$type<Record<string, number>>().notNull().default({}),
    lastError: jsonb('last_error').$type<{ code: string; at: string | null }>(),
    firstSeenAt: instant('first_seen_at').notNull().defaultNow(),
    lastSeenAt: instant('last_seen_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.appId, t.id] })],
)
