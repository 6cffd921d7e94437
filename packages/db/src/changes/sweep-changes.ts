import type pg from 'pg'
import { inTransaction } from '../database.ts'

/** How long changes are kept, milliseconds. */
const KEPT_MS = 3_600_000

/**
 * Removes changes that everybody could see for longer than an hour, and remembers the snapshot up to which it removed
 * them. It goes by marks, snapshots noted with their time at each run, and not by the age of a row: a row of a
 * transaction that stayed open for two hours is new to those who watch.
 *
 * @param keptMs an hour unless given
 * @returns how many were removed
 */
export async function sweepChanges(pool: pg.Pool, keptMs: number = KEPT_MS): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ at: string; snapshot: string }>(
      `select at::text, snapshot::text from posthorn.change_marks
        where at < clock_timestamp() - $1::float8 * interval '1 millisecond' order by at desc limit 1`,
      [keptMs],
    )
    const [mark] = rows
    let removed = 0
    if (mark && mark.at !== '-infinity') {
      const { rowCount } = await client.query(
        `delete from posthorn.changes
          where xid < pg_snapshot_xmax($1::pg_snapshot) and pg_visible_in_snapshot(xid, $1::pg_snapshot)`,
        [mark.snapshot],
      )
      removed = rowCount ?? 0
      await client.query('delete from posthorn.change_marks where at < $1::timestamptz', [mark.at])
    }
    await client.query(
      'insert into posthorn.change_marks (snapshot) values (pg_current_snapshot()) on conflict do nothing',
    )
    return removed
  })
}
