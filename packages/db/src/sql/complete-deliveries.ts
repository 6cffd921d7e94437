import { deadLetterChange } from '../changes/dead-letter-change.ts'
import { countAttemptsSql } from './count-attempts.ts'

/**
 * Writes the outcomes of many deliveries in one statement, so one commit: attempt rows, what becomes of each delivery,
 * its next due time or its dead letter, and the statistics of the worker that made the attempts.
 *
 * - Attempts are inserted ON CONFLICT DO NOTHING under ids fixed when the outcome was made, and also for a stale lease:
 *   the request was made. Statistics are absolute figures of rows that only this worker writes. So a flush whose commit
 *   was not confirmed may run again without counting twice.
 * - Queue rows are locked in the order of their ids before anything is written (two multi-row writers in different
 *   orders: 8 deadlocks in 8 s), and only where the lease token still matches.
 * - Rows are found by `= any($2)`, whose estimate does not depend on statistics, so that the joins after it are loops
 *   over the primary key. Repeating `= any($2)` in those joins made every loop walk the array: 54 µs a row and join
 *   against 4 µs.
 *
 * - Names in the input are short, and what most outcomes have in common is left out of it (`next`: delivered; `kind`:
 *   delivery; `number`: tries; `epoch`: 0): reading the JSON was a quarter of the statement.
 *
 * $1 outcomes, $2 their delivery ids, $3 statistics, $4 the worker's id. Answers the deliveries it changed and what became of them.
 */
export const completeDeliveriesSql = `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as i(
    id uuid, token uuid, next text, delay_ms bigint, tries int, failure text, error text,
    reason text, dead_letter_id uuid, halt boolean, app_id uuid, event_id uuid, endpoint_id uuid,
    attempt_id uuid, kind text, number int, started_at timestamptz, ms real, status smallint,
    error_code text, error_message text, timing jsonb, headers jsonb, body text, truncated boolean, epoch bigint)
), logged as (
  insert into posthorn.attempts (id, started_at, kind, delivery_id, endpoint_id, number, duration_ms, success, status_code, failure,
    error_code, error_message, timing, response_headers, response_body, response_truncated, worker_id, circuit_epoch)
  select attempt_id, started_at, coalesce(kind, 'delivery'), id, endpoint_id, coalesce(number, tries), ms, failure is null, status, failure,
    error_code, error_message, timing, headers, body, coalesce(truncated, false), $4, coalesce(epoch, 0)
    from input where attempt_id is not null
  on conflict do nothing
), locked as materialized (
  select q.id, q.lease_token, q.cancel_requested
    from posthorn.delivery_queue q where q.id = any($2::uuid[]) order by q.id for update
), settled as materialized (
  select i.*, case when l.cancel_requested and i.next = 'pending' then 'cancelled' else coalesce(i.next, 'delivered') end as final
    from input i join locked l on l.id = i.id and l.lease_token = i.token
), removed as (
  delete from posthorn.delivery_queue q using settled s
   where q.id = s.id
     and s.final <> 'pending' and not (s.final in ('failed', 'dead') and coalesce(s.halt, false))
), kept as (
  update posthorn.delivery_queue q
     set status = case when s.final = 'pending' then 'pending' else 'halted' end,
         next_attempt_at = now() + coalesce(s.delay_ms, 0) * interval '1 millisecond',
         attempt_count = s.tries, claim_count = 0, lease_token = null, lease_expires_at = null
    from settled s
   where q.id = s.id
     and (s.final = 'pending' or (s.final in ('failed', 'dead') and coalesce(s.halt, false)))
), noted as (
  update posthorn.deliveries d
     set status = s.final, attempt_count = s.tries,
         delivered_at = case when s.final = 'delivered' then now() end,
         failed_at = case when s.final in ('failed', 'dead') then now() end,
         last_failure = coalesce(s.failure, d.last_failure), last_error = coalesce(s.error, d.last_error)
    from settled s
   where d.id = s.id and (s.final <> 'pending' or s.failure is not null)
), buried as (
  insert into posthorn.dead_letters (id, app_id, delivery_id, event_id, endpoint_id, reason, failure, error, attempts)
  select dead_letter_id, app_id, id, event_id, endpoint_id, reason, failure, error, tries
    from settled where final in ('failed', 'dead')
  on conflict do nothing
  returning id, app_id, delivery_id, event_id, endpoint_id, reason
), announced as (
  insert into posthorn.changes (app_id, type, data) select app_id, 'dead_letter', ${deadLetterChange('buried')} from buried
), counted as (
  ${countAttemptsSql('$3')}
)
select id, final from settled`
