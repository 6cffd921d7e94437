import { PosthornError } from '@posthorn/core'
import {
  WebhookCallError,
  WebhookCircuitOpenError,
  WebhookConnectionError,
  WebhookResponseError,
  WebhookTimeoutError,
} from '@posthorn/delegator'
import * as catalogue from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/** An error of a call as what it is answered with; any other as it is. */
export function asCallProblem(error: unknown): unknown {
  if (error instanceof WebhookCallError)
    return new ProblemError({ ...problemOf(error), detail: error.detail })
  if (PosthornError.is(error) && error.code === 'not_found')
    return new ProblemError(catalogue.notFound('The app offers no capability of this name.'))
  return error
}

function problemOf(error: WebhookCallError) {
  const { callId: id, reason, durationMs, attempts } = error
  const call = { id, reason, durationMs, attempts }
  if (error instanceof WebhookTimeoutError) return catalogue.callTimedOut(call)
  if (error instanceof WebhookCircuitOpenError) return catalogue.callNotMade(call, error.retryAfterMs)
  if (error instanceof WebhookResponseError || error instanceof WebhookConnectionError)
    return catalogue.callFailed(call)
  return catalogue.callUnavailable(call)
}
