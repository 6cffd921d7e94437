import { formatId } from '@posthorn/core'
import type pg from 'pg'
import { typePatterns } from '../events/accept.ts'
import type { CaptureErrorCode, EventStatus } from '../schema/index.ts'
import { acceptCapturedSql, keepInvalidSql, repeatSql } from '../sql/accept-captured.ts'
import type { CaptureRow, CaptureState, ClientReport, NewCapture } from './capture.ts'

/** What became of a captured event that was handed in. */
export type CaptureAcceptance =
  /** `leaseToken`: the right to project it; null: it waits for any worker */
  | { readonly kind: 'accepted'; readonly leaseToken: string | null }
  /** the same request came before; `first` is what became of it */
  | { readonly kind: 'duplicate'; readonly first: CaptureState }
  /** its key was used for another event */
  | { readonly kind: 'mismatch' }

/** How an event is taken in. */
export interface AcceptCaptureOptions {
  /** length of the lease for whoever projects it at once; null: any worker shall */
  readonly leaseMs: number | null
  readonly report: ClientReport | null
  /** named statements; never on a caller's client */
  readonly prepared: boolean
}

/**
 * Writes a captured event, its key, its place in the queue of projections and its deliveries in one statement. A key
 * that is taken leaves a row that points at the first event instead.
 *
 * @param client a pool (one commit for the event) or a client inside a transaction
 */
export async function acceptCapture(
  client: pg.Pool | pg.ClientBase,
  capture: NewCapture,
  options: AcceptCaptureOptions,
): Promise<CaptureAcceptance> {
  const report = options.report && JSON.stringify(reportRow(options.report))
  const row = {
    ...eventRow(capture),
    key: capture.key,
    fingerprint: capture.fingerprint,
    payload: capture.payload,
    patterns: typePatterns(capture.eventType),
    status: options.leaseMs === null ? 'PENDING' : 'PROCESSING',
  }
  const { rows } = await client.query<{ lease_token: string | null }>({
    text: acceptCapturedSql,
    values: [JSON.stringify([row]), true, options.leaseMs, report],
    ...(options.prepared && { name: 'posthorn_accept_captured' }),
  })
  const [accepted] = rows
  if (accepted) return { kind: 'accepted', leaseToken: accepted.lease_token }
  const first = await client.query<RepeatRow>({
    text: repeatSql,
    values: [capture.appId, capture.key, capture.fingerprint, JSON.stringify(eventRow(capture)), report],
    ...(options.prepared && { name: 'posthorn_repeat' }),
  })
  const [original] = first.rows
  // Removed between the two statements: the key is free again.
  if (!original) return acceptCapture(client, capture, options)
  return original.same ? { kind: 'duplicate', first: stateOf(original) } : { kind: 'mismatch' }
}

/** Keeps what was received with an event that is invalid. It takes no key, and nobody is told of it but the live stream. */
export async function keepInvalid(
  client: pg.Pool | pg.ClientBase,
  row: CaptureRow,
  found: { readonly body: Buffer; readonly message: string; readonly report: ClientReport | null },
): Promise<void> {
  const announced = {
    id: formatId('evt', row.id),
    type: row.eventType,
    status: 'INVALID',
    sessionId: row.sessionId,
  }
  await client.query(keepInvalidSql, [
    JSON.stringify({ ...eventRow(row), error_message: found.message }),
    found.body,
    found.report && JSON.stringify(reportRow(found.report)),
    JSON.stringify(announced),
  ])
}

interface RepeatRow {
  same: boolean
  event_id: string
  status: EventStatus | null
  conversation_id: string | null
  message_id: string | null
  tool_use_id: string | null
  error_code: CaptureErrorCode | null
  error_message: string | null
  error_stack: string | null
}

function stateOf(row: RepeatRow): CaptureState {
  return {
    eventId: row.event_id,
    // Its key outlives it: retention has removed the event, which was done with long before.
    status: row.status ?? 'SUCCESS',
    conversationId: row.conversation_id,
    messageId: row.message_id,
    toolUseId: row.tool_use_id,
    error: row.error_code && {
      code: row.error_code,
      message: row.error_message ?? '',
      stack: row.error_stack,
    },
  }
}

function eventRow(row: CaptureRow) {
  return {
    ord: 0,
    id: row.id,
    app_id: row.appId,
    source: row.source,
    request_id: row.requestId,
    trace_id: row.traceId,
    event_type: row.eventType,
    session_id: row.sessionId,
    headers: row.headers,
    ip_address: row.ipAddress,
    metadata: row.metadata,
    occurred_at: row.occurredAt,
    received_at: row.receivedAt,
  }
}

function reportRow(report: ClientReport) {
  const { nodeVersion, droppedByReason, lastError, ...rest } = report
  return { ...rest, node_version: nodeVersion, dropped_by_reason: droppedByReason, last_error: lastError }
}
