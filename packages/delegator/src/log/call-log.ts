import type { CircuitChange } from '@posthorn/circuit-breaker'
import type { FailureClass } from '@posthorn/core'
import type { DispatchTiming } from '@posthorn/dispatcher'
import type { CallReason } from '../call/fault.ts'

/** How a call ended. `failed`: with an error, since no fallback was wanted. `abandoned`: its caller gave up. */
export type CallOutcome = 'ok' | 'fallback' | 'queued' | 'failed' | 'abandoned'

/** One call; always written, also when no request was made. */
export interface CallRecord {
  /** UUIDv7. */
  readonly id: string
  readonly appId: string
  /** Null when the app's record could not be read. */
  readonly endpointId: string | null
  readonly capability: string
  readonly requestId: string
  readonly outcome: CallOutcome
  /** `app`, `cache`, `queue`, or what a fallback answered with; null without an answer. */
  readonly source: string | null
  /** Name of the fallback strategy that was asked. */
  readonly fallback: string | null
  readonly reason: CallReason | null
  readonly message: string | null
  /** Age of an answer out of a cache, milliseconds. */
  readonly ageMs: number | null
  readonly startedAt: Date
  readonly durationMs: number
  readonly attempts: number
  /** What is needed to check a fallback's answer later. */
  readonly audit: Readonly<Record<string, unknown>> | null
}

/** One HTTP request of a call. Texts are valid UTF-8 without NUL, credentials in headers are `[REDACTED]`. */
export interface CallAttempt {
  /** UUIDv7. */
  readonly id: string
  readonly callId: string
  readonly appId: string
  readonly endpointId: string
  readonly capability: string
  /** 1 for the first. */
  readonly number: number
  readonly startedAt: Date
  readonly durationMs: number
  /** False also for a response with a good status that was no answer. */
  readonly success: boolean
  readonly status: number | null
  readonly failure: FailureClass | 'app_error' | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly timing: DispatchTiming
  /** Of failures only, at most 4 KiB in all and 1 KiB each. */
  readonly responseHeaders: Readonly<Record<string, string>> | null
  /** Of failures only, at most 4 KiB. */
  readonly responseBody: string | null
  /** Something of the body or the headers is missing. */
  readonly responseTruncated: boolean
  /** The circuit's epoch in which the request was admitted. */
  readonly circuitEpoch: number
}

/** Tells the organizer that fallbacks answered; a burst in one room is one notification. */
export interface FallbackNotification {
  /** UUIDv7. */
  readonly id: string
  readonly appId: string
  readonly capability: string
  /** `roomId` of the call's context. */
  readonly roomId: string | null
  readonly reason: CallReason
  readonly strategy: string
  /** Calls that are folded into this one. */
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
  /** UUIDv7 of the last of the calls. */
  readonly callId: string
}

/**
 * Something that must not happen, which nobody but an operator should notice. `fallback`: a strategy failed, and the
 * caller was answered `null`. `apps`, `circuits`, `cache`, `queue`: a store did not answer or failed; the call went on
 * without it. `log`: records could not be written, or were dropped.
 */
export interface CallIncident {
  readonly kind: 'fallback' | 'apps' | 'circuits' | 'cache' | 'queue' | 'log'
  readonly appId: string | null
  readonly capability: string | null
  readonly callId: string | null
  /** One sentence, with the message of the error behind it. */
  readonly message: string
  readonly at: Date
}

/** A transition of a circuit; each is told by one process only. */
export interface CircuitChangeRecord extends CircuitChange {
  readonly endpointId: string
  readonly appId: string
  readonly capability: string
}

/** What happened in a short time, in the order in which it happened. */
export interface CallLogBatch {
  readonly calls: readonly CallRecord[]
  readonly attempts: readonly CallAttempt[]
  readonly notifications: readonly FallbackNotification[]
  readonly incidents: readonly CallIncident[]
  readonly circuitChanges: readonly CircuitChangeRecord[]
}

/**
 * Where calls are recorded. A batch of at most 500 records is handed over after the callers were answered,
 * one batch at a time, the oldest records first; what is not yet handed over is lost in a crash, no more. Ids are fixed
 * beforehand, so that what is handed over again after a write that failed can be told from something new: the rest is the
 * same, only a notification may have counted on, and an attempt's response may be missing when too much waits.
 */
export interface CallLog {
  /** @throws whatever goes wrong: its records are handed over again, before what came since */
  write(batch: CallLogBatch): Promise<void>
}
