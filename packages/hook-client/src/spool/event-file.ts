import { UnfitFileError } from '../plain-file.ts'
import { checksum } from './checksum.ts'
import { unlessGone } from './disk.ts'
import { at, type Spool } from './layout.ts'
import type { SpooledEvent } from './types.ts'

/** A file read as an event, or why it is none. */
export type DecodedEvent = { event: SpooledEvent } | { corrupt: string }

/** Reads an event's file, which may be gone. What is no plain file is no event. */
export function readEventFile(spool: Spool, requestId: string, ...path: string[]): DecodedEvent | undefined {
  try {
    const text = unlessGone(() => spool.disk.read(at(spool, ...path)))
    return text === undefined ? undefined : decodeEvent(text, requestId)
  } catch (error) {
    if (error instanceof UnfitFileError) return { corrupt: error.message }
    throw error
  }
}

/** The text of an event's file: one JSON object, the body as text in it, with a checksum. */
export function encodeEvent(event: SpooledEvent): string {
  const { body, ...head } = event
  return `${JSON.stringify({ ...head, crc32: checksumOf(event), body })}\n`
}

/** Reads the text of an event's file whose name says `requestId`. Never throws. */
export function decodeEvent(text: string, requestId: string): DecodedEvent {
  if (text.trim() === '') return { corrupt: 'the file is empty' }
  let raw: Record<string, unknown>
  try {
    raw = JSON.parse(text) as Record<string, unknown>
  } catch {
    return { corrupt: 'the file is not JSON: it was cut off or overwritten' }
  }
  if (typeof raw !== 'object' || raw === null) return { corrupt: 'the file is not an event' }
  if (raw['version'] !== 1) {
    return { corrupt: `the file has version ${String(raw['version'])}, and this program reads 1` }
  }
  const { traceId, capturedAt, event, sessionId, body, crc32 } = raw
  if (raw['requestId'] !== requestId) return { corrupt: 'the request id is not the one in the name' }
  if (
    typeof body !== 'string' ||
    typeof traceId !== 'string' ||
    typeof capturedAt !== 'string' ||
    Number.isNaN(Date.parse(capturedAt)) ||
    typeof event !== 'string' ||
    (typeof sessionId !== 'string' && sessionId !== null)
  ) {
    return { corrupt: 'the file is an event with a field missing' }
  }
  const read: SpooledEvent = { version: 1, requestId, traceId, capturedAt, event, sessionId, body }
  return crc32 === checksumOf(read) ? { event: read } : { corrupt: 'the event does not match its checksum' }
}

function checksumOf({ requestId, traceId, capturedAt, event, sessionId, body }: SpooledEvent): string {
  return checksum(JSON.stringify([requestId, traceId, capturedAt, event, sessionId, body]))
}
