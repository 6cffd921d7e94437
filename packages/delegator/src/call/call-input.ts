import { newRequestId, ValidationError, type ValidationIssue } from '@posthorn/core'
import { CAPABILITY_NAME, CAPABILITY_NAME_MESSAGE } from '../manifest/limits.ts'
import type { CallOptions } from './call-result.ts'

/** A call as it is made, found to be sound. */
export interface CallInput {
  readonly appId: string
  readonly capability: string
  readonly payload: unknown
  readonly payloadText: string
  readonly context: Readonly<Record<string, unknown>>
  readonly requestId: string
  readonly traceparent: string | undefined
  readonly signal: AbortSignal | undefined
  readonly wantsError: boolean
  readonly waitedMs: number
}

const REQUEST_ID = /^[!-\-/-~]{1,255}$/

/** @throws ValidationError with every mistake of the caller at once */
export function readCall(
  appId: string,
  capability: string,
  payload: unknown,
  options: CallOptions,
): CallInput {
  const issues: ValidationIssue[] = []
  if (typeof appId !== 'string' || appId === '')
    issues.push({ path: 'app', message: 'must be the id of an app' })
  if (typeof capability !== 'string' || !CAPABILITY_NAME.test(capability)) {
    issues.push({ path: 'capability', message: CAPABILITY_NAME_MESSAGE })
  }
  const { context = {}, requestId = newRequestId(), payloadText = jsonOf(payload) } = options
  if (typeof payloadText !== 'string') issues.push({ path: 'payload', message: 'must be JSON' })
  if (typeof context !== 'object' || context === null || Array.isArray(context)) {
    issues.push({ path: 'context', message: 'must be an object' })
  }
  if (!REQUEST_ID.test(requestId)) {
    issues.push({ path: 'requestId', message: 'must be 1 to 255 characters of visible ASCII without "."' })
  }
  const { traceparent, signal, waitedMs = 0 } = options
  if (!Number.isFinite(waitedMs) || waitedMs < 0) {
    issues.push({ path: 'waitedMs', message: 'must be a number from 0' })
  }
  if (issues.length > 0 || payloadText === undefined) throw new ValidationError(issues)
  const wantsError = options.fallback === 'none'
  return {
    ...{ appId, capability, payload, payloadText, context, requestId, traceparent, signal },
    ...{ wantsError, waitedMs },
  }
}

function jsonOf(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload)
  } catch {
    return undefined
  }
}
