/** Rows for the queue: `count` of them spread in turn over `groups` endpoints from `firstGroup`, due one after another from `offsetSeconds` from now. */
export interface QueueRows {
  count: number
  firstGroup: number
  groups: number
  offsetSeconds: number
}

/** What one claim took. */
export interface Claimed {
  /** The endpoint of each row. */
  groups: string[]
  /** Hands the rows back. */
  release(): Promise<void>
}

/** A queue whose claim is measured, in a database of its own. */
export interface ClaimTarget {
  /** Empties it, then writes `history` finished deliveries and the rows. */
  fill(history: number, rows: readonly QueueRows[]): Promise<void>
  claim(limit: number): Promise<Claimed>
  close(): Promise<void>
}

/** SQL for the id of endpoint `n` (an SQL expression). */
export const groupIdSql = (n: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`

/** SQL that yields (id, group_id, due_at) for some rows. */
export const rowsSql = ({ count, firstGroup, groups, offsetSeconds }: QueueRows) =>
  `select uuidv7() as id, ${groupIdSql(`(${firstGroup} + i % ${groups})::bigint`)} as group_id,
     now() + make_interval(secs => ${offsetSeconds} + i * 0.001) as due_at
   from generate_series(1, ${count}) as i`
