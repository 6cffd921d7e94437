import type { FailureClass } from '@posthorn/core'
import type { StatRow } from '../deliveries/completion.ts'
import type { NewNotification } from '../notifications/notification.ts'
import type { CallOutcome } from '../schema/index.ts'

/** One call, as it is logged. Ids are UUIDv7, fixed when it was made; durations are milliseconds. */
export interface NewCall {
  readonly id: string
  readonly appId: string
  /** null: what the app can be asked could not be read */
  readonly endpointId: string | null
  readonly capability: string
  readonly requestId: string
  readonly outcome: CallOutcome
  /** what answered: `app`, `cache`, `queue`, or what a fallback took it from */
  readonly source: string | null
  /** the strategy that was asked */
  readonly fallback: string | null
  readonly reason: string | null
  readonly message: string | null
  /** age of an answer that was kept */
  readonly ageMs: number | null
  readonly startedAt: Date
  readonly durationMs: number
  /** how many requests were made */
  readonly attempts: number
  /** what a fallback's answer can be checked by */
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
