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

/** Of a failure's body this much is kept, and as much of its headers. */
const KEPT_BYTES = 4_096
/** Of one header: a long one leaves room for the others. */
const KEPT_HEADER_BYTES = 1_024

/** The record of one request. What the app sent is kept for failures only. */
export function attemptRecord(
  { call, capability, number, startedAtMs, epoch }: AttemptContext,
  result: DispatchResult,
  answer: Result<unknown, CallFault>,
): CallAttempt {
  const body = answer.ok ? undefined : result.responseBody
  const headers =
    answer.ok || result.responseHeaders === undefined ? null : keptHeaders(result.responseHeaders)
  const isCut = (body !== undefined && body.byteLength > KEPT_BYTES) || headers?.isCut === true
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
    responseHeaders: headers?.kept ?? null,
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

/** Headers that can be stored, without credentials, as many as there is room for; the first ones first. */
function keptHeaders(headers: Readonly<Record<string, string>>): {
  readonly kept: Record<string, string>
  readonly isCut: boolean
} {
  const kept: [string, string][] = []
  let left = KEPT_BYTES
  let isCut = false
  // Whether one holds a credential is told by its whole name.
  for (const [name, value] of Object.entries(redactHeaders(headers))) {
    const room = Math.min(KEPT_HEADER_BYTES, left) - Buffer.byteLength(name)
    const bytes = Buffer.from(value)
    isCut ||= bytes.byteLength > room
    if (room <= 0) continue
    kept.push([toStorableText(name), toStorableText(bytes.subarray(0, room))])
    left -= Buffer.byteLength(name) + Math.min(bytes.byteLength, room)
  }
  return { kept: Object.fromEntries(kept), isCut }
}
