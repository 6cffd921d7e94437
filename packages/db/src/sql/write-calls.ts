import { countAttemptsSql } from './count-attempts.ts'

/**
 * Writes calls, the attempts made for them and their statistics. Ids and times were fixed when each was made, so what is
 * there already is left as it is; rows are written in the order of their ids, so that a batch that is handed over again
 * while the first one is still being written waits for it and not in a circle.
 *
 * Times come as epoch milliseconds: a date written as JSON costs the writer as much as all the rest of its row.
 *
 * $1 calls, $2 attempts, $3 statistics, $4 the id of the worker.
 */
export const writeCallsSql = `
with called as (
  insert into posthorn.calls (id, app_id, endpoint_id, capability, request_id, outcome, source, fallback, reason, message,
    age_ms, started_at, duration_ms, attempts, audit)
  select id, app_id, endpoint_id, capability, request_id, outcome, source, fallback, reason, message,
    age_ms, to_timestamp(started_at_ms / 1000), duration_ms, attempts, audit
    from json_to_recordset($1::json) as i(
      id uuid, app_id uuid, endpoint_id uuid, capability text, request_id text, outcome text, source text, fallback text,
      reason text, message text, age_ms bigint, started_at_ms float8, duration_ms real, attempts int, audit json)
   order by id
  on conflict do nothing
), tried as (
  insert into posthorn.attempts (id, started_at, kind, call_id, endpoint_id, number, duration_ms, success, status_code,
    failure, error_code, error_message, timing, response_headers, response_body, response_truncated, worker_id, circuit_epoch)
  select id, to_timestamp(started_at_ms / 1000), 'call', call_id, endpoint_id, number, duration_ms, success, status_code,
    failure, error_code, error_message, timing, response_headers, response_body, response_truncated, $4, circuit_epoch
    from json_to_recordset($2::json) as i(
      id uuid, started_at_ms float8, call_id uuid, endpoint_id uuid, number int, duration_ms real, success boolean,
      status_code smallint, failure text, error_code text, error_message text, timing jsonb, response_headers jsonb,
      response_body text, response_truncated boolean, circuit_epoch bigint)
   order by id
  on conflict do nothing
), counted as (
  ${countAttemptsSql('$3')}
)
select`
