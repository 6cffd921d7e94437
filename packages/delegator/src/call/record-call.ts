import { uuidv7 } from '@posthorn/core'
import type { CallOutcome } from '../log/call-log.ts'
import type { Call, CallEnd } from './call.ts'

/** What a call came to, whether it was answered or not. */
export interface RecordedEnd extends Omit<Partial<CallEnd>, 'outcome' | 'source'> {
  readonly outcome: CallOutcome
  /** Null without an answer. */
  readonly source: string | null
  readonly durationMs: number
}

/** Puts a call on record, and tells the organizer if a fallback answered. */
export function recordCall(call: Call, end: RecordedEnd): void {
  const { appId, capability, requestId } = call.input
  call.parts.log.call({
    id: call.id,
    appId,
    endpointId: call.endpointId ?? null,
    capability,
    requestId,
    outcome: end.outcome,
    source: end.source,
    fallback: end.fallback ?? null,
    reason: end.fault?.reason ?? null,
    message: end.fault?.message ?? null,
    ageMs: end.ageMs ?? null,
    startedAt: new Date(call.startedAtMs),
    durationMs: end.durationMs,
    attempts: call.attempts,
    audit: end.audit ?? null,
  })
  if (end.outcome === 'fallback') notify(call, end)
}

function notify(call: Call, { fallback, fault }: RecordedEnd): void {
  if (fallback === undefined || fault === undefined) return
  const { appId, capability, context } = call.input
  const { roomId } = context
  const at = new Date(call.parts.clock.now())
  call.parts.log.notification({
    ...{ id: uuidv7(), appId, capability, callId: call.id, count: 1, firstAt: at, lastAt: at },
    roomId: typeof roomId === 'string' ? roomId : null,
    reason: fault.reason,
    strategy: fallback,
  })
}
