import type { CaptureErrorCode, EventStatus } from '../schema/index.ts'

/** What is kept of a captured request, whatever becomes of it. */
export interface CaptureRow {
  readonly id: string
  readonly appId: string
  readonly source: string
  readonly requestId: string | null
  readonly traceId: string | null
  readonly eventType: string
  readonly sessionId: string | null
  readonly headers: Readonly<Record<string, string>> | null
  readonly ipAddress: string | null
  /** `ignored`: what of the request did not count, and why; null: everything did */
  readonly metadata: Readonly<Record<string, unknown>> | null
  /** when it happened, by its sender's clock */
  readonly occurredAt: Date
  /** null: now, by the database's clock */
  readonly receivedAt: Date | null
}

/** A captured event that is valid. */
export interface NewCapture extends CaptureRow {
  /** idempotency key within the app; null: none was given */
  readonly key: string | null
  /** SHA-256 in hex, see {@link fingerprint} */
  readonly fingerprint: string
  /** the bytes of the request, as text */
  readonly payload: string
}

/** What a hook client says of itself. */
export interface ClientReport {
  /** uuid, made by the client once */
  readonly id: string
  readonly host: string | null
  readonly platform: string | null
  readonly arch: string | null
  readonly nodeVersion: string | null
  readonly version: string | null
  readonly backlog: number
  readonly failed: number
  /** dropped since this client exists: it only grows */
  readonly dropped: number
  readonly droppedByReason: Readonly<Record<string, number>>
  readonly lastError: { readonly code: string; readonly at: string | null } | null
}

/** How far a captured event has come. Ids are uuids. */
export interface CaptureState {
  readonly eventId: string
  readonly status: EventStatus
  readonly conversationId: string | null
  readonly messageId: string | null
  readonly toolUseId: string | null
  readonly error: CaptureError | null
}

/** What went wrong with a captured event. */
export interface CaptureError {
  readonly code: CaptureErrorCode
  readonly message: string
  readonly stack: string | null
}
