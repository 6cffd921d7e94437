import type { SpoolLimits } from '../config/config.ts'
import { removeReason } from '../spool/care.ts'
import { dropEvent } from '../spool/drops.ts'
import { at, idOfEventFile, type Spool } from '../spool/layout.ts'
import { ageMs, capturedAtOf, eventFilesIn } from '../spool/listing.ts'
import type { DropReason } from '../spool/types.ts'

/**
 * Keeps `failed/` within its bounds: events that have been there for too long, and the oldest ones beyond
 * the count and size, are dropped and counted. Returns their request ids.
 */
export function dropAgedFailures(spool: Spool, limits: SpoolLimits): string[] {
  const files = eventFilesIn(spool, 'failed').map((file) => {
    const info = spool.disk.info(at(spool, 'failed', file))
    const requestId = idOfEventFile(file) ?? file
    return {
      file,
      requestId,
      bytes: info?.bytes ?? 0,
      since: capturedAtOf(requestId) ?? info?.modifiedAt ?? 0,
    }
  })
  let events = files.length
  let bytes = files.reduce((sum, one) => sum + one.bytes, 0)
  return files.flatMap(({ file, requestId, bytes: size, since }) => {
    const isTooMany = events > limits.maxEvents || bytes > limits.maxBytes
    const reason: DropReason | undefined = isTooMany
      ? 'full'
      : ageMs(spool, since) > limits.failedMaxAgeMs
        ? 'expired'
        : undefined
    if (reason === undefined || !dropEvent(spool, 'failed', file, requestId, reason)) return []
    events -= 1
    bytes -= size
    removeReason(spool, file)
    return [requestId]
  })
}
