import type pg from 'pg'
import { firstIdAt } from '../events/event-repository.ts'
import { leaseTokenSql } from '../sql/accept-captured.ts'
import type { CaptureRow } from './capture.ts'

/** Statuses in which a captured event stays until somebody has it processed again. */
export const REPROCESSABLE = ['FAILED', 'ERROR', 'INVALID'] as const
export type ReprocessableStatus = (typeof REPROCESSABLE)[number]

/** Which captured events of an app are processed again. */
export interface ReprocessFilter {
  readonly status?: ReprocessableStatus
  readonly type?: string
  readonly sessionId?: string
  readonly since?: Date
  /** uuid: only those that came behind this one */
  readonly after?: string
}

/** Events that may be processed again, the oldest first, at most `limit`. */
export async function findReprocessable(
  pool: pg.Pool,
  appId: string,
  filter: ReprocessFilter,
  limit: number,
): Promise<{ id: string; status: ReprocessableStatus }[]> {
  const statuses = filter.status ? [filter.status] : REPROCESSABLE
  const found = await Promise.all(
    statuses.map((status) =>
      pool.query<{ id: string; status: ReprocessableStatus }>(
        `select id, status from posthorn.events
          where app_id = $1 and status = $2 and status <> 'SUCCESS' and ($3::text is null or event_type = $3)
            and ($4::text is null or session_id = $4) and id >= $5::uuid and id > $6::uuid
          order by id limit $7`,
        [
          appId,
          status,
          filter.type ?? null,
          filter.sessionId ?? null,
          firstIdAt(filter.since ?? new Date(0)),
          filter.after ?? firstIdAt(new Date(0)),
          limit,
        ],
      ),
    ),
  )
  return found
    .flatMap(({ rows }) => rows)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, limit)
}

/**
 * Puts FAILED and ERROR events back into the queue of projections, with all their tries.
 *
 * @param leaseMs for whoever projects them at once; null: any worker shall
 * @returns those that were put back; one whose status is another by now is left alone
 */
export async function requeueProjections(
  pool: pg.Pool,
  appId: string,
  ids: readonly string[],
  leaseMs: number | null,
): Promise<{ eventId: string; leaseToken: string | null }[]> {
  const { rows } = await pool.query<{ eventId: string; leaseToken: string | null }>(
    `with chosen as materialized (
       select e.id, e.app_id from posthorn.events e
        where e.id = any($2::uuid[]) and e.app_id = $1 and e.status in ('FAILED', 'ERROR') order by e.id for update
     ), queued as (
       insert into posthorn.projection_queue (id, app_id, status, claim_count, lease_token, lease_expires_at)
       select id, app_id, case when $3::float8 is null then 'pending' else 'processing' end,
              case when $3::float8 is null then 0 else 1 end, case when $3::float8 is not null then ${leaseTokenSql} end,
              statement_timestamp() + $3::float8 * interval '1 millisecond'
         from chosen order by id
       on conflict do nothing
       returning id, lease_token
     ), reopened as (
       update posthorn.events e set status = case when $3::float8 is null then 'PENDING' else 'PROCESSING' end,
              retry_count = 0, retry_after = null
         from queued q where e.id = q.id
       returning e.id, e.app_id, e.event_type, e.session_id, e.status
     ), announced as (
       insert into posthorn.changes (app_id, type, data)
       select app_id, 'event', jsonb_build_object('id', 'evt_' || replace(id::text, '-', ''), 'type', event_type,
           'status', status, 'sessionId', session_id) from reopened
     )
     select id as "eventId", lease_token as "leaseToken" from queued`,
    [appId, ids, leaseMs],
  )
  return rows
}

/** An INVALID event as it was kept. */
export interface InvalidEvent extends CaptureRow {
  readonly receivedAt: Date
  readonly body: Buffer
}

/**
 * Takes an INVALID event away so that what it has become can be written in its place, in the same transaction.
 *
 * @returns undefined when it is not there, or not INVALID any more
 */
export async function takeInvalid(
  client: pg.ClientBase,
  appId: string,
  id: string,
): Promise<InvalidEvent | undefined> {
  const { rows } = await client.query<InvalidEvent>(
    `delete from posthorn.events where id = $2 and app_id = $1 and status = 'INVALID'
     returning id, app_id as "appId", source, request_id as "requestId", trace_id as "traceId",
       event_type as "eventType", session_id as "sessionId", headers, host(ip_address) as "ipAddress", metadata,
       coalesce(occurred_at, received_at) as "occurredAt", received_at as "receivedAt", raw_body as body`,
    [appId, id],
  )
  return rows[0]
}

/** What is wrong with an INVALID event, after it was looked at again. */
export async function describeInvalid(
  pool: pg.Pool,
  appId: string,
  id: string,
  message: string,
): Promise<void> {
  await pool.query(
    `update posthorn.events set error_message = $3, processed_at = now() where app_id = $1 and id = $2 and status = 'INVALID'`,
    [appId, id, message],
  )
}
