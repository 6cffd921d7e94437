import type pg from 'pg'
import { readChangesSql, readTransactionSql } from '../sql/read-changes.ts'
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
  /** a named statement, planned once for each connection; not over a pooler */
  readonly prepared?: boolean
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
 * Reads what a reader has not been given yet, in the order of transactions and of the rows in each. A transaction that
 * commits late is still found, however old its id is.
 */
export async function readChanges(
  client: pg.Pool | pg.ClientBase,
  request: ChangeRequest,
): Promise<ChangePage> {
  const { appIds, after, until, limit, prepared = false } = request
  const { within, snapshot } = after
  const { rows } = within
    ? await client.query<Row>(readTransactionSql, [appIds, within.xid, within.seq, limit])
    : await client.query<Row>({
        text: readChangesSql,
        values: [appIds, snapshot.xmax, snapshot.inProgress, until ? formatSnapshot(until) : null, limit],
        ...(prepared && { name: 'posthorn_read_changes' }),
      })
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
