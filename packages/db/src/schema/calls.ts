import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  index,
  integer,
  json,
  jsonb,
  real,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { instant, posthorn } from './namespace.ts'

/** How a call ended. `failed`: with an error, since no fallback was wanted. `abandoned`: its caller gave up. */
export type CallOutcome = 'ok' | 'fallback' | 'queued' | 'failed' | 'abandoned'

/** Synchronous requests to capabilities. Append-only, partitioned by the day of `started_at`; the migration makes it so. */
export const calls = posthorn.table(
  'calls',
  {
    id: uuid('id').notNull(),
    appId: uuid('app_id').notNull(),
    /** null: what the app can be asked could not be read */
    endpointId: uuid('endpoint_id'),
    capability: text('capability').notNull(),
    requestId: text('request_id').notNull(),
    outcome: text('outcome').$type<CallOutcome>().notNull(),
    /** what answered: `app`, `cache`, `queue`, or what a fallback took it from */
    source: text('source'),
    /** the strategy that was asked */
    fallback: text('fallback'),
    reason: text('reason'),
    message: text('message'),
    /** age of an answer that was kept */
    ageMs: bigint('age_ms', { mode: 'number' }),
    startedAt: instant('started_at').notNull(),
    durationMs: real('duration_ms').notNull(),
    attempts: integer('attempts').notNull(),
    /** what a fallback's answer can be checked by */
    audit: json('audit').$type<Record<string, unknown>>(),
  },
  (t) => [
    // Finds a call, gives the pages of all apps, and makes writing one a second time do nothing: one index for all three.
    uniqueIndex('calls_id').on(t.id, t.startedAt),
    index('calls_app').on(t.appId, t.id),
    check('calls_outcome', sql`${t.outcome} in ('ok', 'fallback', 'queued', 'failed', 'abandoned')`),
  ],
)

/** What a person has decided of a call; `expired` is never stored, it is what time makes of `pending`. */
export type ApprovalStatus = 'pending' | 'approved' | 'rejected' | 'expired'

/** Calls that wait for a person, since their app did not answer. */
export const approvals = posthorn.table(
  'approvals',
  {
    id: uuid('id').primaryKey(),
    callId: uuid('call_id').notNull(),
    appId: uuid('app_id').notNull(),
    capability: text('capability').notNull(),
    /** the JSON text of the call, as it was given */
    payload: text('payload').notNull(),
    /** `json` takes what `jsonb` refuses: escaped NUL and lone surrogates in what a caller sent */
    context: json('context').$type<Record<string, unknown>>().notNull(),
    status: text('status').$type<Exclude<ApprovalStatus, 'expired'>>().notNull().default('pending'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    decidedAt: instant('decided_at'),
    decidedBy: text('decided_by'),
    note: text('note'),
    /** the event that tells the app of the decision, or that there was none */
    eventId: uuid('event_id'),
  },
  (t) => [
    index('approvals_app').on(t.appId, t.id),
    index('approvals_pending').on(t.id).where(sql`${t.status} = 'pending'`),
    index('approvals_untold').on(t.expiresAt).where(sql`${t.status} = 'pending' and ${t.eventId} is null`),
    check('approvals_status', sql`${t.status} in ('pending', 'approved', 'rejected')`),
  ],
)

/** Tells people that fallbacks answered: a burst in one room is one row with a count. */
export const notifications = posthorn.table(
  'notifications',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    capability: text('capability').notNull(),
    roomId: text('room_id'),
    reason: text('reason').notNull(),
    strategy: text('strategy').notNull(),
    count: integer('count').notNull(),
    firstAt: instant('first_at').notNull(),
    lastAt: instant('last_at').notNull(),
    /** the last of the calls */
    callId: uuid('call_id').notNull(),
    /** since when nothing new has come; a call that is folded in afterwards makes it unread again */
    readAt: instant('read_at'),
    readBy: text('read_by'),
    /** of each writer what it added last, as `[id, count]`: so that nothing is counted twice */
    parts: jsonb('parts').$type<Record<string, readonly [id: string, count: number]>>().notNull(),
  },
  (t) => [
    // Both also find what a new one is folded into: by its room, or among those of its app in the last hour.
    index('notifications_app').on(t.appId, t.id),
    index('notifications_room').on(t.roomId, t.id).where(sql`${t.roomId} is not null`),
  ],
)

/** Good answers of apps, for as long as a cache or a fallback wants them. */
export const keptAnswers = posthorn.table(
  'kept_answers',
  {
    key: text('key').primaryKey(),
    /** JSON text */
    json: text('json').notNull(),
    answeredAt: instant('answered_at').notNull(),
    keepUntil: instant('keep_until').notNull(),
  },
  (t) => [index('kept_answers_term').on(t.keepUntil)],
)
