import { formatId, formatTraceparent, newSpanId, parseTraceparent } from '@posthorn/core'
import { buildDeliveryHeaders } from '@posthorn/dispatcher'
import { createSigner, type Signer, signCall } from '@posthorn/dispatcher/signing'

/** What the headers of one attempt of a call say. */
export interface CallRequestInput {
  readonly callId: string
  readonly capability: string
  readonly secret: string
  readonly body: string
  readonly requestId: string
  /** W3C trace context of the caller; each attempt is a span of its own below it. */
  readonly traceparent: string | undefined
  /** When the call began, epoch milliseconds. */
  readonly startedAtMs: number
  /** When this attempt is made, epoch milliseconds. */
  readonly nowMs: number
  readonly timeoutMs: number
  readonly attempt: number
  readonly maxAttempts: number
}

/**
 * The headers of an attempt: those of a delivery, `webhook-id` being the call's id, and `x-platform-signature`. The
 * Standard Webhooks signature is there for secrets that are of that kind (`whsec_…`).
 *
 * @throws TypeError when a value cannot stand in a header or cannot be signed
 */
export function callHeaders(input: CallRequestInput): Record<string, string> {
  const id = formatId('call', input.callId)
  const timestampSec = Math.floor(input.nowMs / 1_000)
  const { secret, body, requestId } = input
  const signer = signerOf(secret)
  const traceparent = childOf(input.traceparent)
  const headers = buildDeliveryHeaders({
    ...(signer !== undefined && { signer }),
    webhookId: id,
    timestampSec,
    body,
    eventId: id,
    eventType: input.capability,
    eventTimeMs: input.startedAtMs,
    requestId,
    ...(traceparent !== undefined && { traceparent }),
    timeoutMs: input.timeoutMs,
    attempt: input.attempt,
    maxAttempts: input.maxAttempts,
  })
  headers['x-platform-signature'] = signCall({ secret, timestampSec, requestId, body })
  return headers
}

function childOf(traceparent: string | undefined): string | undefined {
  const parent = parseTraceparent(traceparent)
  return parent && formatTraceparent({ ...parent, spanId: newSpanId() })
}

const MAX_SIGNERS = 1_000
const signers = new Map<string, Signer>()

/** Preparing a key costs more than signing with it. */
function signerOf(secret: string): Signer | undefined {
  if (!secret.startsWith('whsec_')) return undefined
  const known = signers.get(secret)
  if (known !== undefined) return known
  if (signers.size >= MAX_SIGNERS) signers.clear()
  const signer = createSigner([secret])
  signers.set(secret, signer)
  return signer
}
