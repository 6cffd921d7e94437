import { type QueueTable, qualifiedName, quoteIdentifier } from '../table.ts'

/** Where a table keeps its buried rows. */
export function buriedName(table: QueueTable): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(`${table.name}_buried`)}`
}

/**
 * Columns that the standard completion keeps of a buried row, beside the queue's own. They must exist in the
 * queue table and in `<name>_buried`.
 */
export interface CompleteSqlOptions {
  buriedColumns?: readonly string[]
  /** Buried rows with an ordering key stay in the queue as `halted` and block their key. */
  haltKeys?: boolean
}

/**
 * The standard completion: `$1` ids, `$2` tokens, `$3` kinds, `$4` delays in ms, `$5` burnt attempts (0 or 1),
 * `$6` reasons. Returns the ids and tokens that were applied.
 *
 * All rows are locked first, ordered by id, and judged by the token they have once they are locked. Locking in
 * the order of the input instead deadlocks two workers, or a worker and its heartbeat, within a second.
 * Input and rows meet through an index probe per outcome; a join would trust statistics.
 */
export function completeSql(table: QueueTable, options: CompleteSqlOptions = {}): string {
  const from = qualifiedName(table)
  const group = quoteIdentifier(table.groupColumn)
  const more = (options.buriedColumns ?? []).map(quoteIdentifier)
  const kept = ['id', group, 'claim_count', 'ordering_key', 'seq', ...more]
  return `
with input as materialized (
  select i.id, i.token, i.kind, i.delay_ms, i.burnt, i.reason
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::int[], $6::text[])
    as i (id, token, kind, delay_ms, burnt, reason)
),
locked as materialized (
  select d.* from ${from} d where d.id = any ($1::uuid[]) order by d.id for update
),
tokens as materialized (
  select coalesce(jsonb_object_agg(id, lease_token), '{}') as held,
    coalesce(jsonb_object_agg(id, ordering_key is not null), '{}') as ordered
  from locked where status = 'processing'
),
verdicts as materialized (
  select distinct on (i.id) i.*, ((select ordered from tokens) ->> i.id::text)::boolean as is_ordered
  from input i
  where ((select held from tokens) ->> i.id::text)::uuid = i.token
  order by i.id
),
kinds as materialized (
  select coalesce(jsonb_object_agg(v.id, json_build_array(v.kind, v.delay_ms, v.burnt, v.reason)), '{}') as by_id
  from verdicts v
),
buried as (
  insert into ${buriedName(table)} (${kept.join(', ')}, attempt_count, reason, buried_at)
  select ${kept.map((column) => `l.${column}`).join(', ')},
    l.attempt_count + ((select by_id from kinds) -> l.id::text ->> 2)::int,
    (select by_id from kinds) -> l.id::text ->> 3, statement_timestamp()
  from locked l
  where (select by_id from kinds) -> l.id::text ->> 0 = 'bury'
  on conflict (id) do nothing
),
retried as (
  update ${from} d
  set status = 'pending', lease_token = null, lease_expires_at = null, claim_count = 0,
    attempt_count = d.attempt_count + ((select by_id from kinds) -> d.id::text ->> 2)::int,
    next_attempt_at = statement_timestamp()
      + ((select by_id from kinds) -> d.id::text ->> 1)::float8 * interval '1 millisecond'
  where d.id = any (array(select v.id from verdicts v where v.kind = 'retry'))
),
halted as (
  update ${from} d
  set status = 'halted', lease_token = null, lease_expires_at = null
  where d.id = any (array(select v.id from verdicts v where HALTED))
),
removed as (
  delete from ${from} d
  where d.id = any (array(select v.id from verdicts v where v.kind <> 'retry' and not (HALTED)))
)
select id, token from verdicts`.replaceAll(
    'HALTED',
    options.haltKeys ? `v.kind = 'bury' and v.is_ordered` : 'false',
  )
}
