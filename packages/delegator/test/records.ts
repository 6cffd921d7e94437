import type { CallAttempt, CallRecord, FallbackNotification } from '../src/index.ts'

/** A call that went well. */
export function call(id: string, more: Partial<CallRecord> = {}): CallRecord {
  return {
    ...{
      id,
      appId: 'app',
      endpointId: 'app/c',
      capability: 'c',
      requestId: 'r',
      outcome: 'ok',
      source: 'app',
    },
    ...{ fallback: null, reason: null, message: null, ageMs: null, startedAt: new Date(0), durationMs: 1 },
    ...{ attempts: 1, audit: null },
    ...more,
  }
}

/** A request that failed without a response. */
export function attempt(id: string, more: Partial<CallAttempt> = {}): CallAttempt {
  return {
    ...{ id, callId: 'call', appId: 'app', endpointId: 'app/c', capability: 'c', number: 1 },
    ...{ startedAt: new Date(0), durationMs: 1, success: false, status: 500, failure: 'http_5xx' },
    ...{ errorCode: null, errorMessage: null, timing: { totalMs: 1 }, circuitEpoch: 0 },
    ...{ responseHeaders: null, responseBody: null, responseTruncated: false },
    ...more,
  }
}

/** That one call in a room had a fallback. */
export function notification(
  roomId: string | null,
  more: Partial<FallbackNotification> = {},
): FallbackNotification {
  const at = new Date(0)
  return {
    ...{ id: `n-${roomId}`, appId: 'app', capability: 'c', roomId, reason: 'timeout', strategy: 'static' },
    ...{ count: 1, firstAt: at, lastAt: at, callId: 'call' },
    ...more,
  }
}
