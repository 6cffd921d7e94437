import { describeIssues, err, ok, type Result, type ValidationIssue } from '@posthorn/core'
import { type CaptureRow, fingerprint, type NewCapture } from '@posthorn/db'
import { type HookEvent, readBody } from './hook-event.ts'
import { occurredAt, timeIssue } from './occurred-at.ts'

/** Where captured events come from, and the first word of their types. */
const SOURCE = 'claude-code'

/** A request with what its sender and its transport say about it. */
export interface Received extends Omit<CaptureRow, 'source' | 'eventType' | 'sessionId' | 'occurredAt'> {
  readonly body: Buffer
  readonly capturedAt: string | null
}

/** A request that is an event. */
export interface ValidDraft {
  readonly capture: NewCapture
  readonly event: HookEvent
}

/** A request that is none, and what is wrong with it. */
export interface InvalidDraft {
  readonly row: CaptureRow
  readonly kind: string | null
  readonly issues: readonly ValidationIssue[]
  readonly message: string
}

/** Reads and checks a request: what goes into the database either way. */
export function draftOf({ body, capturedAt, ...received }: Received): Result<ValidDraft, InvalidDraft> {
  const read = readBody(body)
  const headerIssues = requestIdIssues(received.requestId)
  const usableId = headerIssues.length > 0 ? null : received.requestId
  const event = read.ok ? read.value.event : undefined
  const requestId = usableId ?? event?.requestId ?? null
  const kind = read.ok ? read.value.event.kind : read.error.kind
  // Nothing is refused for a time: the event is kept, and says what was wrong with it.
  const issue = timeIssue(capturedAt)
  const row: CaptureRow = {
    ...received,
    ...(issue && { metadata: { ignored: [issue] } }),
    requestId,
    source: SOURCE,
    eventType: `${SOURCE}.${kind ?? 'unknown'}`,
    sessionId: read.ok ? read.value.event.sessionId : read.error.sessionId,
    occurredAt: occurredAt({
      capturedAt,
      timestamp: event?.timestamp,
      requestId,
      receivedAt: received.receivedAt ?? new Date(),
    }),
  }
  if (!read.ok || !event || headerIssues.length > 0) {
    const issues = [...headerIssues, ...(read.ok ? [] : read.error.issues)]
    return err({ row, kind, issues, message: describeIssues(issues) })
  }
  const { text } = read.value
  return ok({
    event,
    capture: {
      ...row,
      key: requestId,
      fingerprint: fingerprint({
        eventType: row.eventType,
        payload: text,
        sessionId: row.sessionId,
        scheduledAt: null,
        orderingKey: null,
        url: null,
      }),
      payload: text,
    },
  })
}

function requestIdIssues(requestId: string | null): ValidationIssue[] {
  if (requestId === null || /^[\x21-\x7e]{1,200}$/.test(requestId)) return []
  return [{ path: 'x-request-id', message: 'must be 1 to 200 visible ASCII characters' }]
}
