/**
 * Enqueues a batch: `$1` ids, `$2` groups, `$3` payloads, `$4` delays in ms, `$5` times, `$6` ordering keys,
 * `$7` the channel to notify, or null. The order of the arrays becomes the order of `seq`. An id that is there
 * already is left alone, so no unique violation can spoil the caller's transaction. One notification a
 * statement: a notifying commit takes a lock of the whole server.
 */
export function enqueueSql(jobs: string): string {
  return `
with inserted as (
  insert into ${jobs} (id, group_key, payload, next_attempt_at, ordering_key, enqueued_at)
  select i.id, i.group_key, i.payload,
    coalesce(i.run_at, statement_timestamp() + i.delay_ms * interval '1 millisecond'),
    i.ordering_key, statement_timestamp()
  from unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[], $6::text[])
    with ordinality as i (id, group_key, payload, delay_ms, run_at, ordering_key, position)
  order by i.position
  on conflict (id) do nothing
  returning id
)
select count(*)::float8 as inserted,
  (select pg_notify($7::text, '') where $7::text is not null and exists (select from inserted)) as notified
from inserted`
}
