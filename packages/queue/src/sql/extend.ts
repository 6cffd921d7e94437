import { type QueueTable, qualifiedName } from '../table.ts'

/**
 * Renews leases: `$1` ids, `$2` tokens, `$3` milliseconds from now. Rows are locked by id and never waited for,
 * so a heartbeat cannot meet a completion in the wrong order; a row that is being written counts as ours.
 */
export function extendSql(table: QueueTable): string {
  const from = qualifiedName(table)
  return `
with input as materialized (
  select i.id, i.token from unnest($1::uuid[], $2::uuid[]) as i (id, token)
),
ours as materialized (
  select d.id from input i cross join lateral (
    select d.id from ${from} d where d.id = i.id and d.lease_token = i.token and d.status || '' = 'processing'
    limit 1
  ) d
),
locked as materialized (
  select d.id from ${from} d
  where d.id = any (array(select id from ours))
    and d.status || '' = 'processing' and d.lease_token = any ($2::uuid[])
  order by d.id
  for update skip locked
),
renewed as (
  update ${from} d
  set lease_expires_at = greatest(d.lease_expires_at, statement_timestamp() + $3::float8 * interval '1 millisecond')
  where d.id = any (array(select id from locked))
)
select distinct id from ours`
}
