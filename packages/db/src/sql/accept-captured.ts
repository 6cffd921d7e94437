import { acceptSql } from './accept-events.ts'

/** A fresh lease token in the order of time, by the database's clock, as a claim of the queue makes them. */
export const leaseTokenSql = `(lpad(to_hex((extract(epoch from statement_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid`

/**
 * Notes what a hook client says of itself. What it dropped is a sum that it keeps and that only grows: the largest one
 * counts, in whatever order reports come and however often; the rest is kept as last seen.
 *
 * @param report SQL of the report, as jsonb; null: there is none
 * @param from a relation with `app_id`; no row: nothing is written
 */
export const noteClientSql = (report: string, from: string): string => `
  insert into posthorn.hook_clients as c
    (app_id, id, host, platform, arch, node_version, version, backlog, failed, dropped, dropped_by_reason, last_error)
  select a.app_id, r.id, r.host, r.platform, r.arch, r.node_version, r.version, r.backlog, r.failed,
         r.dropped, coalesce(r.dropped_by_reason, '{}'), r.last_error
    from ${from} a, jsonb_to_record(${report}) as r(id uuid, host text, platform text, arch text, node_version text,
         version text, backlog int, failed int, dropped bigint, dropped_by_reason jsonb, last_error jsonb)
   where r.id is not null
  on conflict (app_id, id) do update set
    host = excluded.host, platform = excluded.platform, arch = excluded.arch, node_version = excluded.node_version,
    version = excluded.version, backlog = excluded.backlog, failed = excluded.failed, last_error = excluded.last_error,
    dropped = greatest(c.dropped, excluded.dropped), last_seen_at = now(),
    dropped_by_reason = (
      select coalesce(jsonb_object_agg(reason, n), '{}') from (
        select reason, max(n::bigint) as n from (
          select * from jsonb_each_text(c.dropped_by_reason) as old(reason, n)
          union all select * from jsonb_each_text(excluded.dropped_by_reason) as new(reason, n)) both_of
         group by reason) both_largest)`

/**
 * Takes one captured event as {@link acceptSql} takes a published one, in the same commit with its place in the queue of
 * projections: leased to whoever runs this, or due at once for any worker where there is no lease.
 *
 * $1 a list of the one event; $2 whether to wake workers; $3 length of the lease in ms, or null; $4 what the hook client
 * says of itself, or null. Answers a row, or none where its key is taken.
 */
export const acceptCapturedSql = acceptSql({
  fields: ', status text, occurred_at timestamptz, received_at timestamptz',
  columns: ', status, occurred_at, received_at',
  values: ', status, occurred_at, coalesce(received_at, now())',
  steps: `, projecting as (
  insert into posthorn.projection_queue (id, app_id, status, claim_count, lease_token, lease_expires_at)
  select id, app_id, case when $3::float8 is null then 'pending' else 'processing' end,
         case when $3::float8 is null then 0 else 1 end, case when $3::float8 is not null then ${leaseTokenSql} end,
         statement_timestamp() + $3::float8 * interval '1 millisecond'
    from accepted
  returning id, lease_token
), noted as (${noteClientSql('$4::jsonb', 'accepted')}
)`,
  answer: ', (select p.lease_token from projecting p where p.id = a.id) as lease_token',
})

/**
 * What a repeated request gets: the first one's event as it is by now, and a row without payload that points at it.
 *
 * $1 app, $2 key, $3 fingerprint in hex, $4 the new row as one JSON object, $5 the client's report or null. Answers no
 * row when the key has gone in the meantime.
 */
export const repeatSql = `
with first as materialized (
  select k.app_id, k.event_id, encode(k.fingerprint, 'hex') = $3 as same
    from posthorn.idempotency_keys k where k.app_id = $1 and k.key = $2
), same as (
  select f.app_id, f.event_id from first f where f.same
), kept as (
  insert into posthorn.events (id, app_id, source, request_id, trace_id, event_type, session_id, headers, ip_address,
    metadata, status, occurred_at, received_at, processed_at, error_code, duplicate_of)
  select r.id, f.app_id, r.source, r.request_id, r.trace_id, r.event_type, r.session_id, r.headers, r.ip_address,
    r.metadata, 'DUPLICATE', r.occurred_at, coalesce(r.received_at, now()), now(), 'duplicate', f.event_id
    from same f, jsonb_to_record($4::jsonb) as r(id uuid, source text, request_id text, trace_id text,
    event_type text, session_id text, headers jsonb, ip_address inet, metadata jsonb, occurred_at timestamptz,
    received_at timestamptz)
), noted as (${noteClientSql('$5::jsonb', 'same')}
)
select f.same, f.event_id, e.status, e.conversation_id, e.message_id, e.tool_use_id, e.error_code, e.error_message, e.error_stack
  from first f left join posthorn.events e on e.id = f.event_id`

/**
 * Keeps an event that is invalid, with its bytes; it takes no key and is owed to nobody.
 *
 * $1 the row as one JSON object, $2 its bytes, $3 the client's report or null, $4 what is announced of it.
 */
export const keepInvalidSql = `
with kept as (
  insert into posthorn.events (id, app_id, source, request_id, trace_id, event_type, session_id, raw_body, headers,
    ip_address, metadata, status, occurred_at, received_at, processed_at, error_code, error_message)
  select r.id, r.app_id, r.source, r.request_id, r.trace_id, r.event_type, r.session_id, $2::bytea, r.headers,
    r.ip_address, r.metadata, 'INVALID', r.occurred_at, coalesce(r.received_at, now()), now(), 'validation', r.error_message
    from jsonb_to_record($1::jsonb) as r(id uuid, app_id uuid, source text, request_id text, trace_id text,
    event_type text, session_id text, headers jsonb, ip_address inet, metadata jsonb,
    occurred_at timestamptz, received_at timestamptz, error_message text)
  returning app_id
), noted as (${noteClientSql('$3::jsonb', 'kept')}
)
insert into posthorn.changes (app_id, type, data) select app_id, 'event', $4::jsonb from kept`
