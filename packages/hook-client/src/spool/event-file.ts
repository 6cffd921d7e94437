import { UnfitFileError } from '../plain-file.ts'
import { checksum } from './checksum.ts'
import { unlessGone } from './disk.ts'
import { at, type Spool } from './layout.ts'
import type { SpooledEvent } from './types.ts'

/** A file read as an event, or why it is none, or why it is not one that this user captured. */
export type DecodedEvent =
  | { event: SpooledEvent }
  | { corrupt: string }
  | { unsealed: string; written: SpooledEvent }

/** Reads an event's file, which may be gone. What is no plain file is no event. */
export function readEventFile(spool: Spool, requestId: string, ...path: string[]): DecodedEvent | undefined {
  try {
    const text = unlessGone(() => spool.disk.read(at(spool, ...path)))
    return text === undefined ? undefined : decodeEvent(spool, text, requestId)
  } catch (error) {
    if (error instanceof UnfitFileError) return { corrupt: error.message }
    throw error
  }
}

/**
 * The text of an event's file: one JSON object, the body as text in it, with a checksum and a seal. Without a key the
 * seal is null: the event is kept all the same.
 */
export function encodeEvent({ seals }: Pick<Spool, 'seals'>, event: SpooledEvent): string {
  const { body, ...head } = event
  const covered = coveredText(event)
  const marks = { crc32: checksum(covered), seal: seals.seal(covered) ?? null }
  return `${JSON.stringify({ ...head, ...marks, body })}\n`
}

/** Reads the text of an event's file whose name says `requestId`. Never throws. */
export function decodeEvent({ seals }: Pick<Spool, 'seals'>, text: string, requestId: string): DecodedEvent {
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
  const covered = coveredText(read)
  if (crc32 !== checksum(covered)) return { corrupt: 'the event does not match its checksum' }
  const unsealed = seals.complaint(covered, raw['seal'])
  return unsealed === undefined ? { event: read } : { unsealed, written: read }
}

/** What checksum and seal are over: everything, the id in the file's name included. */
function coveredText({ requestId, traceId, capturedAt, event, sessionId, body }: SpooledEvent): string {
  return JSON.stringify([requestId, traceId, capturedAt, event, sessionId, body])
}
