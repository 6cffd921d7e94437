/**
 * What the dispatcher needs of deliveries just claimed: the event's bytes and the delivery's own settings. The queue is
 * asked row by row: joined, it was read whole for a hundred deliveries. Times come as numbers: as text they cost twice,
 * once to print and once to parse.
 *
 * $1 ids of deliveries.
 */
export const loadClaimedSql = `
select d.id, d.event_id, d.app_id, d.max_attempts, date_part('epoch', d.expires_at) * 1000 as expires_at_ms, d.headers, d.ordering_key,
       coalesce((select q.cancel_requested from posthorn.delivery_queue q where q.id = d.id), false) as cancel_requested,
       e.payload, e.event_type, e.request_id, e.trace_id, date_part('epoch', e.received_at) * 1000 as received_at_ms
  from posthorn.deliveries d
  left join posthorn.events e on e.id = d.event_id
 where d.id = any($1::uuid[])`

/**
 * Of the endpoints of deliveries just claimed: which version their row has (endpoints are cached by the worker and fetched
 * again when it changes) and the state of their circuits. Asked once for each endpoint, not for each delivery.
 *
 * $1 ids of endpoints.
 */
export const loadRoutesSql = `
select p.id, date_part('epoch', p.updated_at) as version, c.epoch::float8 as epoch, c.name,
       coalesce((c.state ->> 'consecutiveFailures')::int, 0) as failures
  from posthorn.endpoints p
  left join posthorn.circuit_breakers c on c.endpoint_id = p.id
 where p.id = any($1::uuid[])`
