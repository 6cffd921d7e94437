import { PosthornError, type PosthornErrorOptions } from '@posthorn/core'
import type { CallFault, CallReason } from './fault.ts'

/** What every error of a call knows. */
export interface CallErrorDetails {
  readonly callId: string
  readonly appId: string
  readonly capability: string
  readonly durationMs: number
  /** Requests made. */
  readonly attempts: number
}

type Code = 'timeout' | 'unavailable' | 'circuit_open'

/** A call without an answer and without a fallback (`fallback: 'none'`). */
export class WebhookCallError extends PosthornError implements CallErrorDetails {
  readonly reason: CallReason
  /** What was wrong, without whose it was. */
  readonly detail: string
  readonly callId: string
  readonly appId: string
  readonly capability: string
  readonly durationMs: number
  readonly attempts: number

  constructor(code: Code, fault: CallFault, details: CallErrorDetails, options: PosthornErrorOptions = {}) {
    super(code, `${details.capability} of ${details.appId}: ${fault.message}`, options)
    this.name = 'WebhookCallError'
    this.reason = fault.reason
    this.detail = fault.message
    this.callId = details.callId
    this.appId = details.appId
    this.capability = details.capability
    this.durationMs = details.durationMs
    this.attempts = details.attempts
  }
}

/** The app did not answer in time, or the operation's budget was used up. */
export class WebhookTimeoutError extends WebhookCallError {
  constructor(fault: CallFault, details: CallErrorDetails) {
    super('timeout', fault, details, { isRetryable: true })
    this.name = 'WebhookTimeoutError'
  }
}

/** The app answered, but with a status that is no success, with no valid answer, or with an error of its own. */
export class WebhookResponseError extends WebhookCallError {
  /** HTTP status; undefined for an answer that was no HTTP. */
  readonly status: number | undefined

  constructor(fault: CallFault, details: CallErrorDetails) {
    super('unavailable', fault, details, {
      isRetryable: fault.reason === 'http_5xx' || fault.reason === 'http_429',
    })
    this.name = 'WebhookResponseError'
    this.status = fault.status
  }
}

/** The app could not be reached: refused, reset, no DNS, no TLS, or an address that is not allowed. */
export class WebhookConnectionError extends WebhookCallError {
  constructor(fault: CallFault, details: CallErrorDetails) {
    super('unavailable', fault, details, { isRetryable: fault.reason !== 'blocked' })
    this.name = 'WebhookConnectionError'
  }
}

/** The app was not asked, since it failed too often lately. */
export class WebhookCircuitOpenError extends WebhookCallError {
  /** When the app may be asked again, milliseconds from now; undefined if a person has to decide. */
  readonly retryAfterMs: number | undefined

  constructor(fault: CallFault, details: CallErrorDetails) {
    super('circuit_open', fault, details, { isRetryable: true })
    this.name = 'WebhookCircuitOpenError'
    this.retryAfterMs = fault.retryAfterMs
  }
}

/** The error that a fault becomes. */
export function errorOf(fault: CallFault, details: CallErrorDetails): WebhookCallError {
  switch (fault.reason) {
    case 'timeout':
    case 'budget_exhausted':
      return new WebhookTimeoutError(fault, details)
    case 'circuit_open':
      return new WebhookCircuitOpenError(fault, details)
    case 'connection':
    case 'dns':
    case 'tls':
    case 'blocked':
      return new WebhookConnectionError(fault, details)
    case 'overloaded':
    case 'unavailable':
    case 'internal':
      return new WebhookCallError('unavailable', fault, details, { isRetryable: true })
    default:
      return new WebhookResponseError(fault, details)
  }
}
