import { formatId, formatTraceparent, newSpanId, redactHeaders, uuidDigits, uuidv7 } from '@posthorn/core'
import type { AttemptRecord, ClaimedDelivery } from '@posthorn/db'
import {
  buildDelivery,
  type DispatchResult,
  toStorableText,
  type WebhookDispatcher,
} from '@posthorn/dispatcher'
import { requestIdOf } from '../ids.ts'
import type { Sealer } from '../sealer.ts'
import type { Target } from './endpoint-cache.ts'

/** What every request of this worker has in common. */
export interface SendSettings {
  readonly dispatcher: WebhookDispatcher
  readonly sealer: Sealer
  readonly responseLimitBytes: number
  readonly capture: 'failures' | 'always' | 'never'
  readonly workerId: string
}

/** One request to make for a delivery. `nowMs` is the database's time. */
export interface SendInput {
  readonly delivery: ClaimedDelivery
  /** the event's, which is known to be there */
  readonly payload: string
  readonly target: Target
  readonly number: number
  readonly nowMs: number
  readonly signal: AbortSignal
}

/** Makes the request of one attempt: signed, under the endpoint's deadline. Never rejects. */
export function send(settings: SendSettings, input: SendInput): Promise<DispatchResult> {
  const { endpoint } = input.target
  let request: ReturnType<typeof buildDelivery>
  try {
    request = buildRequest(settings, input)
  } catch (error) {
    return Promise.resolve(internalFault(error))
  }
  return settings.dispatcher.send({
    headers: request.headers,
    body: request.body,
    url: endpoint.url,
    timeoutMs: endpoint.timeoutMs,
    connectTimeoutMs: endpoint.connectTimeoutMs,
    responseLimitBytes: settings.responseLimitBytes,
    capture: settings.capture,
    signal: input.signal,
    ...(endpoint.successCodes && { successCodes: endpoint.successCodes }),
  })
}

function buildRequest(settings: SendSettings, { delivery, payload, target, number, nowMs }: SendInput) {
  const { endpoint, signer, callSigner } = target
  const timestampSec = Math.floor(nowMs / 1_000)
  const requestId = requestIdOf(delivery.eventId, delivery.requestId)
  const request = buildDelivery({
    signer,
    webhookId: formatId('dlv', delivery.id),
    timestampSec,
    eventId: formatId('evt', delivery.eventId),
    eventType: delivery.eventType,
    eventTimeMs: delivery.receivedAtMs,
    payload,
    requestId,
    // An event without a trace begins one of its own; its id is as unique as a trace id must be.
    traceparent: formatTraceparent({
      traceId: delivery.traceId ?? uuidDigits(delivery.eventId),
      spanId: newSpanId(),
      sampled: true,
    }),
    timeoutMs: endpoint.timeoutMs,
    attempt: number,
    maxAttempts: delivery.maxAttempts,
    format: endpoint.format,
    customHeaders: delivery.headers
      ? { ...endpoint.headers, ...settings.sealer.openDeliveryHeaders(delivery.headers) }
      : endpoint.headers,
  })
  if (callSigner) {
    request.headers['x-platform-signature'] = callSigner.sign({ timestampSec, requestId, body: request.body })
  }
  return request
}

function internalFault(error: unknown): DispatchResult {
  return {
    verdict: 'requeue',
    failure: 'internal',
    errorCode: 'INTERNAL',
    errorMessage: error instanceof Error ? error.message : 'The request could not be built.',
    responseTruncated: false,
    timing: { totalMs: 0 },
    bytesSent: 0,
    bytesReceived: 0,
  }
}

/** The log entry of a request: what the receiver said made storable, its credentials redacted. */
export function attemptRecord(
  result: DispatchResult,
  about: {
    kind: AttemptRecord['kind']
    number: number
    startedAtMs: number
    workerId: string
    circuitEpoch: number
  },
): AttemptRecord {
  const { totalMs, dnsMs, connectMs, firstByteMs } = result.timing
  const isTimed = dnsMs !== undefined || connectMs !== undefined || firstByteMs !== undefined
  const timing: Record<string, number> = {}
  if (dnsMs !== undefined) timing.dnsMs = toTenth(dnsMs)
  if (connectMs !== undefined) timing.connectMs = toTenth(connectMs)
  if (firstByteMs !== undefined) timing.firstByteMs = toTenth(firstByteMs)
  return {
    id: uuidv7(),
    kind: about.kind,
    number: about.number,
    startedAt: new Date(about.startedAtMs),
    durationMs: toTenth(totalMs),
    success: result.verdict === 'success',
    statusCode: result.status ?? null,
    failure: result.failure ?? null,
    errorCode: result.errorCode ?? null,
    errorMessage: result.errorMessage ?? null,
    timing: isTimed ? timing : null,
    responseHeaders: result.responseHeaders ? storableHeaders(result.responseHeaders) : null,
    responseBody:
      result.responseBody && result.responseBody.length > 0 ? toStorableText(result.responseBody) : null,
    responseTruncated: result.responseTruncated,
    workerId: about.workerId,
    circuitEpoch: about.circuitEpoch,
  }
}

const toTenth = (ms: number): number => Math.round(ms * 10) / 10

function storableHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const storable = Object.entries(headers).map(([name, value]) => [
    toStorableText(name),
    toStorableText(value),
  ])
  return redactHeaders(Object.fromEntries(storable) as Record<string, string>)
}
