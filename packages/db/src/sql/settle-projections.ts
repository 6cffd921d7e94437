/**
 * Writes projections that did not succeed: the queue row goes back to waiting or goes, the event says why, and it is
 * announced. Only where the lease is still the same; rows are locked first, ordered by id.
 *
 * $1 a JSON list of outcomes. Answers the ids that were written.
 */
export const settleProjectionsSql = `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as i(id uuid, token uuid, status text, delay_ms float8, burnt int,
    error_code text, error_message text, error_stack text, processing_time_ms real)
), locked as materialized (
  select q.id, q.lease_token from posthorn.projection_queue q
   where q.id = any (array(select id from input)) and q.status || '' = 'processing' order by q.id for update
), verdicts as materialized (
  select i.* from input i join locked l on l.id = i.id and l.lease_token = i.token
), retried as (
  update posthorn.projection_queue q set status = 'pending', lease_token = null, lease_expires_at = null, claim_count = 0,
    attempt_count = q.attempt_count + v.burnt,
    next_attempt_at = statement_timestamp() + v.delay_ms * interval '1 millisecond'
    from verdicts v where q.id = v.id and v.delay_ms is not null
), removed as (
  delete from posthorn.projection_queue q using verdicts v where q.id = v.id and v.delay_ms is null
), settled as (
  update posthorn.events e set status = v.status, error_code = v.error_code, error_message = v.error_message,
    error_stack = v.error_stack, retry_count = e.retry_count + v.burnt, processed_at = statement_timestamp(),
    processing_time_ms = coalesce(v.processing_time_ms, e.processing_time_ms),
    retry_after = statement_timestamp() + v.delay_ms * interval '1 millisecond'
    from verdicts v where e.id = v.id
  returning e.id, e.app_id, e.event_type, e.status, e.session_id
), announced as (
  insert into posthorn.changes (app_id, type, data)
  select app_id, 'event', jsonb_build_object('id', 'evt_' || replace(id::text, '-', ''), 'type', event_type,
      'status', status, 'sessionId', session_id) from settled
)
select id from verdicts`
