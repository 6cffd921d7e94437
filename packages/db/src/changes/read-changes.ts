import type pg from 'pg'
import { type ChangeCursor, type ChangePlace, cursorAt } from './cursor.ts'
import { between, contains, formatSnapshot, parseSnapshot, type Snapshot, withSeen } from './snapshot.ts'

/** Something that changed, as a stream announces it. */
export interface Change {
  readonly appId: string
  readonly type: string
  /** the change as JSON text */
  readonly data: string
  readonly at: Date
  /** where a reader is that was given it */
  readonly cursor: ChangeCursor
}

/** The next changes after a cursor. */
export type ChangePage =
  | {
      readonly isExpired: false
      readonly changes: readonly Change[]
      /** where a reader is after them */
      readonly next: ChangeCursor
      /** whether there was nothing more at that moment */
      readonly isComplete: boolean
    }
  /** what the cursor has not seen is no longer kept */
  | { readonly isExpired: true; readonly now: Snapshot }

/** What is read: changes of some apps after a cursor, and how many at most. */
export interface ChangeRequest {
  readonly appIds: readonly string[]
  readonly after: ChangeCursor
  /** only what this snapshot sees, which is one that was read before; everything there is without it */
  readonly until?: Snapshot
  readonly limit: number
}

interface Row {
  now: string
  horizon: string
  app_id: string | null
  xid: string
  seq: string
  type: string
  data: string
  at: Date
}

/**
 * Rows, the snapshot they were read in and the horizon of what is kept, all of one statement, so that none of them can
 * be newer than another. "Not seen by a snapshot" is written as `xid >= xmax or xid in progress`: both are ranges of the
 * primary key, whatever an old transaction does to `xmin`.
 */
const readChangesSql = `
with moment as materialized (
  select pg_current_snapshot() as now, (select snapshot from posthorn.change_marks order by at limit 1) as horizon
), unseen as (
  select c.app_id, c.xid, c.seq, c.type, c.data, c.at from posthorn.changes c
   where c.app_id = any($1::uuid[]) and c.xid >= $2::xid8
  union all
  select c.app_id, c.xid, c.seq, c.type, c.data, c.at from posthorn.changes c
   where c.app_id = any($1::uuid[]) and c.xid = any($3::xid8[])
), page as (
  select u.* from unseen u, moment m
   where pg_visible_in_snapshot(u.xid, coalesce($4::pg_snapshot, m.now))
   order by u.xid, u.seq limit $5
)
select m.now::text, m.horizon::text, p.app_id, p.xid::text, p.seq::text, p.type, p.data::text, p.at
  from moment m left join page p on true
 order by p.xid, p.seq`

/** The rest of one transaction. */
const readTransactionSql = `
select pg_current_snapshot()::text as now, h.snapshot::text as horizon,
       c.app_id, c.xid::text, c.seq::text, c.type, c.data::text, c.at
  from (select snapshot from posthorn.change_marks order by at limit 1) h
  left join posthorn.changes c on c.app_id = any($1::uuid[]) and c.xid = $2::xid8 and c.seq > $3::bigint
 order by c.seq limit $4`

/**
 * Reads what a reader has not been given yet, in the order of transactions and of the rows in each. A transaction that
 * commits late is still found, however old its id is.
 */
export async function readChanges(
  client: pg.Pool | pg.ClientBase,
  request: ChangeRequest,
): Promise<ChangePage> {
  const { appIds, after, until, limit } = request
  const { within, snapshot } = after
  const { rows } = within
    ? await client.query<Row>(readTransactionSql, [appIds, within.xid, within.seq, limit])
    : await client.query<Row>(readChangesSql, [
        appIds,
        snapshot.xmax,
        snapshot.inProgress,
        until ? formatSnapshot(until) : null,
        limit,
      ])
  const [first] = rows
  if (!first) throw new Error('posthorn.change_marks has lost its first row')
  const now = snapshotOf(first.now)
  if (!contains(snapshot, snapshotOf(first.horizon))) return { isExpired: true, now }
  const found = rows.filter((row) => row.app_id !== null)
  const isFull = found.length >= limit
  const changes = within ? rest(found, after, isFull) : ahead(found, snapshot, until ?? now, isFull)
  const last = changes.at(-1)
  if (isFull && last) return { isExpired: false, changes, next: last.cursor, isComplete: false }
  if (within) {
    return { isExpired: false, changes, next: cursorAt(withSeen(snapshot, within.xid)), isComplete: false }
  }
  return { isExpired: false, changes, next: cursorAt(until ?? now), isComplete: true }
}

/** The snapshot of this moment. */
export async function currentSnapshot(client: pg.Pool | pg.ClientBase): Promise<Snapshot> {
  const { rows } = await client.query<{ now: string }>('select pg_current_snapshot()::text as now')
  return snapshotOf(rows[0]?.now ?? '')
}

/** Rows of many transactions: after each, a reader has what `to` sees up to it. */
function ahead(rows: readonly Row[], from: Snapshot, to: Snapshot, isFull: boolean): Change[] {
  return rows.map((row, at) => {
    const place = placeOf(row)
    const next = rows[at + 1]
    const isLast = next ? next.xid !== row.xid : !isFull
    const cursor = isLast
      ? cursorAt(between(from, to, place.xid))
      : { snapshot: between(from, to, place.xid - 1n), within: place }
    return changeOf(row, cursor)
  })
}

/** Rows of the one transaction that a reader stopped in. */
function rest(rows: readonly Row[], from: ChangeCursor, isFull: boolean): Change[] {
  return rows.map((row, at) => {
    const place = placeOf(row)
    const isLast = at === rows.length - 1 && !isFull
    return changeOf(
      row,
      isLast ? cursorAt(withSeen(from.snapshot, place.xid)) : { snapshot: from.snapshot, within: place },
    )
  })
}

function changeOf(row: Row, cursor: ChangeCursor): Change {
  return { appId: row.app_id ?? '', type: row.type, data: row.data, at: row.at, cursor }
}

const placeOf = (row: Row): ChangePlace => ({ xid: BigInt(row.xid), seq: BigInt(row.seq) })

function snapshotOf(text: string): Snapshot {
  const snapshot = parseSnapshot(text)
  if (!snapshot) throw new Error('PostgreSQL answered something that is no snapshot')
  return snapshot
}
