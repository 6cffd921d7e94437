import { type QueueTable, qualifiedName, quoteIdentifier } from './table.ts'

/**
 * The indexes a queue table must have, as `create index if not exists` statements.
 * Rows with an ordering key are found through the last one only, so a long blocked key costs the other
 * rows of its group nothing. Leases are found by token, and tokens are ordered by the time of their claim: what
 * is in flight is counted without walking the entries of finished leases, which an old snapshot keeps there.
 */
export function queueIndexes(table: QueueTable): string[] {
  const on = qualifiedName(table)
  const group = quoteIdentifier(table.groupColumn)
  const index = (suffix: string, rest: string) =>
    `create index if not exists ${quoteIdentifier(`${table.name}_${suffix}`)} on ${on} ${rest}`
  return [
    index('due', `(next_attempt_at, id) where status = 'pending'`),
    index('group_due', `(${group}, next_attempt_at, id) where status = 'pending' and ordering_key is null`),
    index('leases', `(lease_token, ${group}, lease_expires_at) where status = 'processing'`),
    index('ordered', `(${group}, ordering_key, seq) where ordering_key is not null`),
  ]
}

/**
 * Storage settings for a table whose rows live for seconds: vacuum by a fixed count instead of a share of
 * the table, without pauses, so that dead entries at the head of the due index do not pile up.
 */
export function queueStorage(table: QueueTable): string {
  return `alter table ${qualifiedName(table)} set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000)`
}
