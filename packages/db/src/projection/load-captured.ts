import type pg from 'pg'

/** A captured event as its projection needs it. */
export interface CapturedEvent {
  readonly id: string
  readonly appId: string
  readonly requestId: string | null
  readonly eventType: string
  readonly payload: string
  readonly occurredAt: Date
}

/** Captured events by id; one that is gone, or has no payload, is left out. */
export async function loadCaptured(
  pool: pg.Pool,
  ids: readonly string[],
): Promise<Map<string, CapturedEvent>> {
  const { rows } = await pool.query<CapturedEvent>(
    `select id, app_id as "appId", request_id as "requestId", event_type as "eventType", payload,
            coalesce(occurred_at, received_at) as "occurredAt"
       from posthorn.events where id = any($1::uuid[]) and payload is not null`,
    [ids],
  )
  return new Map(rows.map((row) => [row.id, row]))
}
