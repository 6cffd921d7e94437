import type { CallReason } from './fault.ts'

/** The answer to a call. */
export interface CallResult {
  /** `call_…` */
  readonly callId: string
  readonly requestId: string
  /** `ok`: of the app. `fallback`: in its place. `queued`: the capability is asynchronous. */
  readonly outcome: 'ok' | 'fallback' | 'queued'
  /** `app`; `cache` for an answer that `cacheTtl` keeps; `queue`; else the fallback strategy that answered. */
  readonly source: string
  /** For `queued`: `{ deliveryId }`. */
  readonly data: unknown
  /** Why there is no answer of the app; with `fallback` only. */
  readonly reason?: CallReason
  /** The same in a sentence. */
  readonly message?: string
  /** How old an answer out of a cache is, milliseconds. */
  readonly ageMs?: number
  readonly durationMs: number
  /** Requests made. */
  readonly attempts: number
}

/** What a call may be told beside its payload. */
export interface CallOptions {
  /** Gives the call up: it rejects with the signal's reason at once. */
  readonly signal?: AbortSignal
  /** What the platform wants to find again in notifications (`roomId`) and approvals. Plain JSON; never sent to the app. */
  readonly context?: Readonly<Record<string, unknown>>
  /** Asks for a typed error where a fallback would answer, whatever the manifest says. */
  readonly fallback?: 'none'
  /** The payload's JSON text, where it is at hand: the app gets it byte for byte. */
  readonly payloadText?: string
  /** `x-request-id` of the platform's own request: visible ASCII without `.`. A new one unless given. */
  readonly requestId?: string
  /** W3C `traceparent` of the platform's own request. */
  readonly traceparent?: string
  /** Milliseconds that the caller has waited already; they are taken off the deadline, and are part of `durationMs` (0). */
  readonly waitedMs?: number
}
