import { type QueueTable, qualifiedName } from '../table.ts'

/**
 * Gives leased rows back, the claim not counted: `$1` ids, `$2` tokens. Due as before, or `$3` milliseconds from now
 * where that is not null.
 */
export function releaseSql(table: QueueTable): string {
  const from = qualifiedName(table)
  return `
with locked as materialized (
  select d.id from ${from} d
  where d.id = any ($1::uuid[])
  order by d.id
  for update
)
update ${from} d
set status = 'pending', lease_token = null, lease_expires_at = null,
  next_attempt_at = coalesce(now() + $3::float8 * interval '1 millisecond', d.next_attempt_at),
  claim_count = greatest(0, d.claim_count - 1)
where d.id = any (array(select id from locked))
  and d.status || '' = 'processing' and d.lease_token = any ($2::uuid[])`
}
