import type { CircuitStateName } from '@posthorn/circuit-breaker'
import type pg from 'pg'
import { loadClaimedSql, loadRoutesSql } from '../sql/load-claimed.ts'

/** A claimed delivery with all that its request is made of. */
export interface ClaimedDelivery {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly appId: string
  readonly maxAttempts: number
  /** epoch milliseconds */
  readonly expiresAtMs: number
  /** sealed */
  readonly headers: Buffer | null
  readonly orderingKey: string | null
  /** somebody called it off while a worker had it that was lost since */
  readonly cancelRequested: boolean
  /** null: the event is gone, which retention never does while a delivery needs it */
  readonly payload: string | null
  readonly eventType: string
  readonly requestId: string | null
  readonly traceId: string | null
  /** epoch milliseconds */
  readonly receivedAtMs: number
  /** of the endpoint's row: when it differs from a cached one, the endpoint was changed */
  readonly endpointVersion: number
  readonly circuit: {
    readonly epoch: number
    readonly name: CircuitStateName
    readonly consecutiveFailures: number
  }
}

interface Row {
  id: string
  event_id: string
  app_id: string
  max_attempts: number
  expires_at_ms: number
  headers: Buffer | null
  ordering_key: string | null
  cancel_requested: boolean
  payload: string | null
  event_type: string
  request_id: string | null
  trace_id: string | null
  received_at_ms: number
}

interface RouteRow {
  id: string
  version: number
  epoch: number | null
  name: CircuitStateName | null
  failures: number
}

/**
 * Fetches what the dispatcher needs of deliveries just claimed, in no particular order. One whose endpoint is gone is
 * missing.
 *
 * @param claimed deliveries, each with the id of its endpoint
 */
export async function loadClaimed(
  pool: pg.Pool,
  claimed: readonly { readonly id: string; readonly group: string }[],
  options: { prepared: boolean },
): Promise<ClaimedDelivery[]> {
  const endpointOf = new Map(claimed.map(({ id, group }) => [id, group]))
  const query = <R extends pg.QueryResultRow>(name: string, text: string, ids: string[]) =>
    pool.query<R>({ text, values: [ids], ...(options.prepared ? { name } : {}) })
  const [deliveries, routes] = await Promise.all([
    query<Row>('posthorn_load_claimed', loadClaimedSql, [...endpointOf.keys()]),
    query<RouteRow>('posthorn_load_routes', loadRoutesSql, [...new Set(endpointOf.values())]),
  ])
  const routeOf = new Map(routes.rows.map((row) => [row.id, toRoute(row)]))
  return deliveries.rows.flatMap((row) => {
    const endpointId = endpointOf.get(row.id)
    const route = endpointId === undefined ? undefined : routeOf.get(endpointId)
    return endpointId === undefined || route === undefined ? [] : [toDelivery(row, endpointId, route)]
  })
}

type Route = Pick<ClaimedDelivery, 'endpointVersion' | 'circuit'>

function toRoute({ version, epoch, name, failures }: RouteRow): Route {
  const circuit = { epoch: epoch ?? 0, name: name ?? ('closed' as const), consecutiveFailures: failures }
  return { endpointVersion: version, circuit }
}

function toDelivery(row: Row, endpointId: string, { endpointVersion, circuit }: Route): ClaimedDelivery {
  return {
    id: row.id,
    eventId: row.event_id,
    endpointId,
    appId: row.app_id,
    maxAttempts: row.max_attempts,
    expiresAtMs: wholeMs(row.expires_at_ms),
    headers: row.headers,
    orderingKey: row.ordering_key,
    cancelRequested: row.cancel_requested,
    payload: row.payload,
    eventType: row.event_type,
    requestId: row.request_id,
    traceId: row.trace_id,
    receivedAtMs: wholeMs(row.received_at_ms),
    endpointVersion,
    circuit,
  }
}

/** PostgreSQL counts microseconds and floating point loses some of the last: a whole millisecond must not fall below itself. */
const wholeMs = (ms: number): number => Math.floor(ms + 0.0005)
