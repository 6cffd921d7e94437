import type { Signer } from '../signing/signer.ts'
import { VERSION } from '../version.ts'
import { type BodyFormat, cloudEventHeaders, type EventAttributes, formatBody } from './body-format.ts'
import { isHeaderValue, isReservedHeader } from './custom-headers.ts'

/** Everything that the headers of a delivery say. */
export interface DeliveryHeadersInput extends EventAttributes {
  /** Without one there is no `webhook-signature`, for receivers that know only the signature of calls. */
  readonly signer?: Signer
  /** Value of `webhook-id`: the delivery's id, the same for every try; no `.` in it. */
  readonly webhookId: string
  /** Value of `webhook-timestamp`: seconds since the epoch at which this try is made. */
  readonly timestampSec: number
  /** The exact bytes that are sent: see {@link formatBody}. */
  readonly body: Uint8Array | string
  readonly requestId: string
  readonly traceparent?: string
  readonly timeoutMs: number
  /** Number of this try, from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly format?: BodyFormat
  /** Headers of the endpoint and the delivery, as `parseCustomHeaders` gives them; reserved ones are left out. */
  readonly customHeaders?: Readonly<Record<string, string>>
  /** `Posthorn/<version>` unless given. */
  readonly userAgent?: string
}

const USER_AGENT = `Posthorn/${VERSION}`

/**
 * The request headers of a delivery. Custom headers can replace none of Posthorn's own.
 *
 * @throws TypeError when a value cannot stand in a header, or the id or timestamp cannot be signed
 */
export function buildDeliveryHeaders(input: DeliveryHeadersInput): Record<string, string> {
  return headersOver(input.body, input)
}

function headersOver(
  body: Uint8Array | string,
  input: Omit<DeliveryHeadersInput, 'body'>,
): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': input.userAgent ?? USER_AGENT,
    'content-type': 'application/json',
    'webhook-id': input.webhookId,
    'webhook-timestamp': String(input.timestampSec),
    'x-event-type': headerValue('x-event-type', input.eventType),
    'x-event-id': headerValue('x-event-id', input.eventId),
    'x-request-id': headerValue('x-request-id', input.requestId),
    'x-timeout-ms': String(input.timeoutMs),
    'x-retry-attempt': String(input.attempt),
    'x-max-attempts': String(input.maxAttempts),
  }
  const { signer } = input
  if (signer !== undefined) {
    headers['webhook-signature'] = signer.sign(input.webhookId, input.timestampSec, body)
  }
  if (input.traceparent !== undefined) headers.traceparent = headerValue('traceparent', input.traceparent)
  if (input.format === 'cloudevents') Object.assign(headers, cloudEventHeaders(input))
  const { customHeaders } = input
  if (customHeaders === undefined) return headers
  for (const name of Object.keys(customHeaders)) {
    const value = customHeaders[name]
    if (value !== undefined && !isReservedHeader(name)) headers[name] = headerValue(name, value)
  }
  return headers
}

/** A delivery's request, from a payload: the body in its format, and the headers signed over it. */
export function buildDelivery(
  input: Omit<DeliveryHeadersInput, 'body'> & { readonly payload: Uint8Array | string },
): {
  headers: Record<string, string>
  body: Uint8Array | string
} {
  const body = formatBody(input.format ?? 'raw', input.payload, input)
  return { headers: headersOver(body, input), body }
}

function headerValue(name: string, value: string): string {
  if (!isHeaderValue(value))
    throw new TypeError(`the value of ${name} has characters that no header may have`)
  return value
}
