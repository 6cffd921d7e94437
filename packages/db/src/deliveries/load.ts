import type { CircuitStateName } from '@posthorn/circuit-breaker'
import type pg from 'pg'
import { loadClaimedSql } from '../sql/load-claimed.ts'

/** A claimed delivery with all that its request is made of. */
export interface ClaimedDelivery {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly appId: string
  readonly maxAttempts: number
  readonly expiresAt: Date
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
  readonly receivedAt: Date
  /** of the endpoint's row: when it differs from a cached one, the endpoint was changed */
  readonly endpointVersion: string
  readonly circuit: {
    readonly epoch: number
    readonly name: CircuitStateName
    readonly consecutiveFailures: number
  }
}

interface Row {
  id: string
  event_id: string
  endpoint_id: string
  app_id: string
  max_attempts: number
  expires_at: Date
  headers: Buffer | null
  ordering_key: string | null
  cancel_requested: boolean
  payload: string | null
  event_type: string
  request_id: string | null
  trace_id: string | null
  received_at: Date
  endpoint_version: string
  circuit_epoch: number | null
  circuit_name: CircuitStateName | null
  circuit_failures: number
}

/** Fetches what the dispatcher needs of deliveries just claimed, in no particular order. */
export async function loadClaimed(
  pool: pg.Pool,
  ids: readonly string[],
  options: { prepared: boolean },
): Promise<ClaimedDelivery[]> {
  const { rows } = await pool.query<Row>({
    text: loadClaimedSql,
    values: [ids],
    ...(options.prepared ? { name: 'posthorn_load_claimed' } : {}),
  })
  return rows.map((row) => ({
    id: row.id,
    eventId: row.event_id,
    endpointId: row.endpoint_id,
    appId: row.app_id,
    maxAttempts: row.max_attempts,
    expiresAt: row.expires_at,
    headers: row.headers,
    orderingKey: row.ordering_key,
    cancelRequested: row.cancel_requested,
    payload: row.payload,
    eventType: row.event_type,
    requestId: row.request_id,
    traceId: row.trace_id,
    receivedAt: row.received_at,
    endpointVersion: row.endpoint_version,
    circuit: {
      epoch: row.circuit_epoch ?? 0,
      name: row.circuit_name ?? 'closed',
      consecutiveFailures: row.circuit_failures,
    },
  }))
}
