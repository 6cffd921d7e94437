/** The same row as Posthorn's own `posthorn.events`, with the same indexes: what the naive server writes. */
export const EVENTS_DDL = `create table events (
  id uuid primary key,
  app_id uuid not null,
  source text not null,
  request_id text,
  trace_id text,
  event_type text not null,
  session_id text,
  payload text not null,
  headers jsonb,
  ip_address inet,
  metadata jsonb,
  status text not null default 'SUCCESS' check (status in
    ('PENDING', 'PROCESSING', 'SUCCESS', 'PENDING_RETRY', 'FAILED', 'ERROR', 'INVALID', 'DUPLICATE')),
  received_at timestamptz not null default now());
create index events_app on events (app_id, id);
create index events_type on events (app_id, event_type, id);
create index events_request on events (app_id, request_id) where request_id is not null;
create index events_session on events (app_id, session_id, id) where session_id is not null;
create index events_status on events (app_id, status, id) where status <> 'SUCCESS'`

/** One event, one statement. */
export const INSERT_EVENT = `insert into events (id, app_id, source, trace_id, event_type, payload, headers, ip_address)
  values (uuidv7(), $1, 'api', $2, $3, $4, $5, $6) returning id`
