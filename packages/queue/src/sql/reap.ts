import { type QueueTable, qualifiedName } from '../table.ts'

/** Leases that one reaping takes back at most. */
export const reapSize = 2000

/**
 * Makes rows claimable whose lease ran out: `$1` the tokens of leases held before `$2`, from which token on the
 * index is looked through.
 * It runs in the claim's transaction, before the claim. Claiming expired rows directly was the alternative:
 * rows of a paused group would then stand first in every claim's scan of expired leases.
 */
export function reapSql(table: QueueTable): string {
  const from = qualifiedName(table)
  return `
with lost as materialized (
  select d.id from ${from} d
  where d.status = 'processing' and d.lease_token >= $2::uuid and d.lease_expires_at <= statement_timestamp()
  union all
  select d.id from ${from} d
  where d.status = 'processing' and d.lease_token = any ($1::uuid[])
    and d.lease_expires_at <= statement_timestamp()
  limit ${reapSize}
),
locked as materialized (
  select d.id from ${from} d
  where d.id = any (array(select id from lost))
    and d.status || '' = 'processing' and d.lease_expires_at + interval '0' <= statement_timestamp()
  order by d.id
  for update skip locked
)
update ${from} d
set status = 'pending', lease_token = null, lease_expires_at = null
where d.id = any (array(select id from locked))`
}
