import { createHash } from 'node:crypto'

/** What makes two requests under one key the same request. */
export interface Fingerprinted {
  readonly eventType: string
  readonly payload: string
  readonly sessionId: string | null
  readonly scheduledAt: Date | null
  readonly orderingKey: string | null
  /** the URL of an `enqueue`; null for a publish */
  readonly url: string | null
}

/** SHA-256 in hex over type, payload bytes, session, schedule, ordering key and URL, each with its length before it. */
export function fingerprint(event: Fingerprinted): string {
  const hash = createHash('sha256')
  const parts = [
    event.eventType,
    event.payload,
    event.sessionId,
    event.scheduledAt?.toISOString(),
    event.orderingKey,
    event.url,
  ]
  for (const part of parts) {
    // A length cannot be mistaken for content, and tells an absent field from an empty one.
    hash.update(part == null ? '-;' : `${Buffer.byteLength(part)};`)
    if (part != null) hash.update(part)
  }
  return hash.digest('hex')
}
