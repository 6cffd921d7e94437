import { countsForCircuit, type FailureClass, verdictOf } from '@posthorn/core'
import { type DispatchResult, toStorableText } from '@posthorn/dispatcher'
import type { AnswerFault } from '../answer/read-answer.ts'

/**
 * Why a call has no answer of the app: a failure class of the attempt, or
 * `app_error` (the app says itself that it failed), `circuit_open` (it was not asked),
 * `budget_exhausted` (nothing was left of the operation's time), `overloaded` (too many calls wait for the app), `unavailable` (we could not ask: the app's record
 * could not be read in time, or the delegator is closing).
 */
export type CallReason =
  | Exclude<FailureClass, 'shutdown'>
  | 'app_error'
  | 'circuit_open'
  | 'budget_exhausted'
  | 'overloaded'
  | 'unavailable'

/** What went wrong with a call or with one of its attempts. */
export interface CallFault {
  readonly reason: CallReason
  /** One sentence for people, without addresses. */
  readonly message: string
  /** HTTP status of the attempt, if there was a response. */
  readonly status?: number
  /** What the app asked for, or how long the circuit stays open; milliseconds. */
  readonly retryAfterMs?: number
}

/** The code of a result whose request never left: all connections to the origin were taken until the deadline. */
const NO_CONNECTION_FREE = 'NO_CONNECTION_FREE'

/** Whether nothing was sent, since no connection became free in time. */
export function wasNeverSent(result: DispatchResult): boolean {
  return result.errorCode === NO_CONNECTION_FREE
}

/** The fault of an attempt that did not succeed. */
export function faultOfAttempt(result: DispatchResult): CallFault {
  const { status, retryAfterMs, errorMessage } = result
  return {
    reason: reasonOf(result),
    message: errorMessage ?? 'The request failed',
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

/** The fault of a response with a good status that is no answer. */
export function faultOfAnswer({ reason, message }: AnswerFault, status: number): CallFault {
  return { reason, message: toStorableText(message), status }
}

/** Whether the same call may succeed a moment later, as far as the fault tells. */
export function isRetryable({ reason }: CallFault): boolean {
  switch (reason) {
    case 'app_error':
    case 'circuit_open':
    case 'budget_exhausted':
    case 'overloaded':
    case 'unavailable':
      return false
    default:
      return verdictOf(reason) === 'retryable'
  }
}

/** Whether an attempt's fault counts against the circuit: it shows an app in trouble. */
export function isAppInTrouble({ reason }: CallFault): boolean {
  switch (reason) {
    case 'app_error':
    case 'circuit_open':
    case 'budget_exhausted':
    case 'overloaded':
    case 'unavailable':
      return false
    default:
      return countsForCircuit(reason)
  }
}

function reasonOf(result: DispatchResult): CallReason {
  if (wasNeverSent(result)) return 'timeout'
  const failure = result.failure ?? 'internal'
  return failure === 'shutdown' ? 'unavailable' : failure
}
