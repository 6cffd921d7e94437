import { type QueueTable, qualifiedName } from '../table.ts'

/** Gives leased rows back: `$1` ids, `$2` tokens. Due as before, the claim not counted. */
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
  claim_count = greatest(0, d.claim_count - 1)
where d.id = any (array(select id from locked))
  and d.status || '' = 'processing' and d.lease_token = any ($2::uuid[])`
}
