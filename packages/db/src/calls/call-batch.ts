import type { FailureClass } from '@posthorn/core'
import type { StatRow } from '../deliveries/completion.ts'
import type { NewNotification } from '../notifications/notification.ts'
import type { CallOutcome } from '../schema/index.ts'

/** One call, as it is logged. Ids are UUIDv7, fixed when it was made; durations are milliseconds. */
export interface NewCall {
  readonly id: string
  readonly appId: string
  readonly endpointId: string | null
  readonly capability: string
  readonly requestId: string
  readonly outcome: CallOutcome
  readonly source: string | null
  readonly fallback: string | null
  readonly reason: string | null
  readonly message: string | null
  readonly ageMs: number | null
  readonly startedAt: Date
  readonly durationMs: number
  readonly attempts: number
  readonly audit: Readonly<Record<string, unknown>> | null
}

/** One HTTP request of a call. Texts are made storable when it is written. */
export interface NewCallAttempt {
  readonly id: string
  readonly callId: string
  readonly endpointId: string
  readonly number: number
  readonly startedAt: Date
  readonly durationMs: number
  readonly success: boolean
  readonly status: number | null
  readonly failure: FailureClass | 'app_error' | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  /** milliseconds by phase */
  readonly timing: Readonly<Partial<Record<'dnsMs' | 'connectMs' | 'firstByteMs' | 'totalMs', number>>>
  readonly responseHeaders: Readonly<Record<string, string>> | null
  readonly responseBody: string | null
  readonly responseTruncated: boolean
  readonly circuitEpoch: number
}

/** What one writer has to say of calls since its last batch. */
export interface CallBatch {
  readonly calls: readonly NewCall[]
  readonly attempts: readonly NewCallAttempt[]
  readonly notifications: readonly NewNotification[]
  readonly stats: readonly StatRow[]
}

/** A row that PostgreSQL refuses for what is in it. */
export interface RefusedRow {
  readonly kind: keyof CallBatch
  /** of statistics, the endpoint's */
  readonly id: string
  /** PostgreSQL's code of the error */
  readonly code: string
}
