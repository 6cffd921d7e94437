import type { SpoolLimits } from '../config/config.ts'
import { dropEvent, markDrop } from './drops.ts'
import { writeDurably } from './durable-write.ts'
import { encodeEvent } from './event-file.ts'
import { at, eventFile, idOfEventFile, namesIn, type Spool } from './layout.ts'
import type { SpooledEvent } from './types.ts'

/** What became of an event that was put into the spool. */
export interface PutResult {
  /** False: the spool was full, and its policy drops the newest. The drop is counted. */
  spooled: boolean
  /** Request ids of older events that were dropped to make room. Counted too. */
  dropped: string[]
}

/**
 * Puts an event into the spool, within its bounds. On return it is on disk: fsync before the rename, and
 * the rename before the return. Writers need no lock: each writes a file of its own.
 * @throws what the disk throws when it cannot be written; then the event is not in the spool.
 */
export function putEvent(spool: Spool, event: SpooledEvent, limits: SpoolLimits): PutResult {
  const file = eventFile(event.requestId)
  const text = encodeEvent(spool, event)
  if (
    limits.dropPolicy === 'drop-newest' &&
    isFull(measure(spool, event.requestId), limits, Buffer.byteLength(text))
  ) {
    markDrop(spool, event.requestId, 'full')
    return { spooled: false, dropped: [] }
  }
  writeDurably(spool, file, ['pending', file], text)
  return {
    spooled: true,
    dropped: limits.dropPolicy === 'drop-oldest' ? makeRoom(spool, limits, event.requestId) : [],
  }
}

/** What waits, with its sizes in bytes, the oldest first; and what is being sent just now, which counts too. */
interface Measure {
  pending: { file: string; bytes: number }[]
  events: number
  bytes: number
}

/** Up to so many events, their sizes are looked at each time. */
const FEW_EVENTS = 64

/**
 * Asking for the size of a thousand files costs as much as all else that capture does. So with many of them
 * one event in sixteen asks, by the random end of its id: the bound in bytes may be passed by a few events.
 */
function measure(spool: Spool, requestId: string): Measure {
  const pending = namesIn(spool, 'pending')
  const processing = namesIn(spool, 'processing')
  const events = pending.length + processing.length
  const asksForSizes = events <= FEW_EVENTS || requestId.endsWith('0')
  const sizeOf = (...parts: string[]) =>
    asksForSizes ? (spool.disk.info(at(spool, ...parts))?.bytes ?? 0) : 0
  const measured = pending.map((file) => ({ file, bytes: sizeOf('pending', file) }))
  const sizes = [
    ...measured.map(({ bytes }) => bytes),
    ...processing.map((file) => sizeOf('processing', file)),
  ]
  return { pending: measured, events, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) }
}

function isFull({ events, bytes }: Measure, limits: SpoolLimits, moreBytes: number): boolean {
  return events + 1 > limits.maxEvents || bytes + moreBytes > limits.maxBytes
}

/**
 * Drops the oldest waiting events until the rest is within the bounds; never the one just put, though a
 * clock that went back may have made it the oldest. Several writers may see the same excess at once: only
 * one of them moves a file away, so the spool stays a few events around its bound.
 */
function makeRoom(spool: Spool, limits: SpoolLimits, keepId: string): string[] {
  const dropped: string[] = []
  try {
    const { pending, ...sums } = measure(spool, keepId)
    for (const { file, bytes } of pending) {
      if (sums.events <= limits.maxEvents && sums.bytes <= limits.maxBytes) break
      const requestId = idOfEventFile(file)
      if (requestId === keepId || requestId === undefined) continue
      sums.events -= 1
      sums.bytes -= bytes
      if (dropEvent(spool, 'pending', file, requestId, 'full')) dropped.push(requestId)
    }
  } catch {
    // The new event is safe, and the next one makes room for both.
  }
  return dropped
}
