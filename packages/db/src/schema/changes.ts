import { sql } from 'drizzle-orm'
import { bigint, customType, index, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant, posthorn } from './namespace.ts'

const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })
const snapshot = customType<{ data: string }>({ dataType: () => 'pg_snapshot' })

/**
 * What the live stream announces, kept for an hour. A row is found by the transaction that wrote it, never by a counter:
 * whoever has seen a snapshot is owed every row that was not visible in it, also one that commits late.
 */
export const changes = posthorn.table(
  'changes',
  {
    appId: uuid('app_id').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    seq: bigint('seq', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
    type: text('type').notNull(),
    /** ids and a few fields; never a payload */
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    at: instant('at').notNull().default(sql`clock_timestamp()`),
  },
  (t) => [primaryKey({ columns: [t.appId, t.xid, t.seq] }), index('changes_xid').on(t.xid)],
)

/** Up to which snapshot changes were removed: the oldest mark is how far back a stream can be taken up again. */
export const changeMarks = posthorn.table('change_marks', {
  at: instant('at').primaryKey().default(sql`clock_timestamp()`),
  snapshot: snapshot('snapshot').notNull(),
})
