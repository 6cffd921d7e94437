/**
 * What the dispatcher needs of deliveries just claimed: the event's bytes, the delivery's own settings and the state of
 * its endpoint's circuit. Endpoints themselves are cached by the worker and fetched again when `version` changes.
 * The queue is asked row by row: joined, it was read whole for a hundred deliveries.
 *
 * $1 ids of deliveries.
 */
export const loadClaimedSql = `
select d.id, d.event_id, d.endpoint_id, d.app_id, d.max_attempts, d.expires_at, d.headers, d.ordering_key,
       coalesce((select q.cancel_requested from posthorn.delivery_queue q where q.id = d.id), false) as cancel_requested,
       e.payload, e.event_type, e.request_id, e.trace_id, e.received_at,
       p.updated_at::text as endpoint_version, c.epoch::float8 as circuit_epoch, c.name as circuit_name,
       coalesce((c.state ->> 'consecutiveFailures')::int, 0) as circuit_failures
  from posthorn.deliveries d
  left join posthorn.events e on e.id = d.event_id
  join posthorn.endpoints p on p.id = d.endpoint_id
  left join posthorn.circuit_breakers c on c.endpoint_id = d.endpoint_id
 where d.id = any($1::uuid[])`
