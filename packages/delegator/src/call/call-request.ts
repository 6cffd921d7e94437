import { formatTraceparent, newSpanId, parseTraceparent } from '@posthorn/core'
import { buildDeliveryHeaders } from '@posthorn/dispatcher'
import { type CallSigner, createCallSigner, createSigner, type Signer } from '@posthorn/dispatcher/signing'

/** What the headers of one attempt of a call say. */
export interface CallRequestInput {
  /** `call_…` */
  readonly callId: string
  readonly capability: string
  /** newest first */
  readonly secret: string | readonly string[]
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
  const id = input.callId
  const timestampSec = Math.floor(input.nowMs / 1_000)
  const { secret, body, requestId } = input
  const { ofCalls, standard } = signersOf(secret)
  const traceparent = childOf(input.traceparent)
  const headers = buildDeliveryHeaders({
    ...(standard !== undefined && { signer: standard }),
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
  headers['x-platform-signature'] = ofCalls.sign({ timestampSec, requestId, body })
  return headers
}

function childOf(traceparent: string | undefined): string | undefined {
  const parent = parseTraceparent(traceparent)
  return parent && formatTraceparent({ ...parent, spanId: newSpanId() })
}

interface Signers {
  readonly ofCalls: CallSigner
  readonly standard: Signer | undefined
}

const MAX_SIGNERS = 1_000
const signers = new Map<string, Signers>()

/** Preparing a key costs more than signing with it. */
function signersOf(secret: CallRequestInput['secret']): Signers {
  const key = typeof secret === 'string' ? secret : secret.join('\n')
  const known = signers.get(key)
  if (known !== undefined) return known
  if (signers.size >= MAX_SIGNERS) signers.clear()
  const secrets = [secret].flat()
  const ofStandard = secrets.filter((text) => text.startsWith('whsec_'))
  const standard = ofStandard.length > 0 ? createSigner(ofStandard) : undefined
  const made = { ofCalls: createCallSigner(secrets), standard }
  signers.set(key, made)
  return made
}
