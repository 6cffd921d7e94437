import { hash } from 'node:crypto'

/** Key of an answer to one payload of a capability. The same JSON text is the same payload. */
export function payloadKey(purpose: 'fresh' | 'last-good', endpointId: string, payloadText: string): string {
  return `${purpose}:${endpointId}:${hash('sha256', payloadText, 'base64url')}`
}

/** Key of the last good answer of a capability, to whatever payload. */
export function capabilityKey(endpointId: string): string {
  return `last-good:${endpointId}`
}
