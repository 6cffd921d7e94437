import { type Result, redactHeaders, uuidv7 } from '@posthorn/core'
import { type DispatchResult, toStorableText } from '@posthorn/dispatcher'
import type { CallableCapability } from '../apps/app-directory.ts'
import type { CallAttempt } from '../log/call-log.ts'
import type { Call } from './call.ts'
import type { CallFault, CallReason } from './fault.ts'

/** What an attempt was. */
interface AttemptContext {
  readonly call: Call
  readonly capability: CallableCapability
  readonly number: number
  readonly startedAtMs: number
  readonly epoch: number
}

/** Of a failure's body, this much is kept. */
const KEPT_BYTES = 4_096

/** The record of one request. What the app sent is kept for failures only. */
export function attemptRecord(
  { call, capability, number, startedAtMs, epoch }: AttemptContext,
  result: DispatchResult,
  answer: Result<unknown, CallFault>,
): CallAttempt {
  const body = answer.ok ? undefined : result.responseBody
  const isCut = body !== undefined && body.byteLength > KEPT_BYTES
  return {
    id: uuidv7(),
    callId: call.id,
    appId: call.input.appId,
    endpointId: capability.endpointId,
    capability: capability.name,
    number,
    startedAt: new Date(startedAtMs),
    durationMs: Math.round(result.timing.totalMs * 10) / 10,
    success: answer.ok,
    status: result.status ?? null,
    failure: failureOf(result, answer),
    errorCode: result.errorCode ?? null,
    errorMessage: answer.ok ? null : answer.error.message,
    timing: result.timing,
    responseHeaders: answer.ok ? null : storableHeaders(result.responseHeaders),
    responseBody:
      body === undefined || body.byteLength === 0 ? null : toStorableText(body.subarray(0, KEPT_BYTES)),
    responseTruncated: result.responseTruncated || isCut,
    circuitEpoch: epoch,
  }
}

function failureOf(result: DispatchResult, answer: Result<unknown, CallFault>): CallAttempt['failure'] {
  if (answer.ok) return null
  return result.failure ?? ofAnswer(answer.error.reason)
}

function ofAnswer(reason: CallReason): 'invalid_response' | 'app_error' {
  return reason === 'app_error' ? 'app_error' : 'invalid_response'
}

function storableHeaders(
  headers: Readonly<Record<string, string>> | undefined,
): Record<string, string> | null {
  if (headers === undefined) return null
  const storable = Object.entries(headers).map(([name, value]): [string, string] => [
    toStorableText(name),
    toStorableText(value),
  ])
  return redactHeaders(Object.fromEntries(storable)) as Record<string, string>
}
