import { readCaptureError } from './capture-error.ts'
import { addDrops, countDrops, subtractDrops } from './drops.ts'
import { at, FOLDERS, idOfEventFile, isStray, type Spool } from './layout.ts'
import { ageMs, capturedAtOf, eventFilesIn, readFailure } from './listing.ts'
import { type IsAlive, isAtWork, processIsAlive, readLock } from './sender-lock.ts'
import { readState } from './state-file.ts'
import type { SpoolStatus } from './types.ts'

/** The numbers of a spool, without reading its events. Zeros for one that does not exist. */
export function spoolStatus(spool: Spool, isAlive: IsAlive = processIsAlive): SpoolStatus {
  const [pending = [], processing = [], failed = []] = FOLDERS.map((folder) =>
    // What lies among those that wait and is no event is never sent; in failed/ somebody is to look at it.
    eventFilesIn(spool, folder).filter((file) => folder === 'failed' || !isStray(file)),
  )
  const found = readState(spool)
  const state = found === 'corrupt' ? null : found
  const { counts } = countDrops(spool, state?.foldedDrops ?? [])
  const total = addDrops(state?.totalDrops ?? {}, counts)
  const sender = readLock(spool)
  const times = pending.flatMap((file) => capturedAtOf(idOfEventFile(file) ?? '') ?? [])
  const sizes = [
    ...pending.map((file) => at(spool, 'pending', file)),
    ...failed.map((f) => at(spool, 'failed', f)),
  ]
  return {
    dir: spool.dir,
    exists: spool.disk.info(spool.dir) !== undefined,
    pending: pending.length,
    processing: processing.length,
    failed: failed.length,
    unsealed: failed.filter((file) => readFailure(spool, file)?.reason === 'unsealed').length,
    bytes: sizes.reduce((sum, path) => sum + (spool.disk.info(path)?.bytes ?? 0), 0),
    oldestAgeMs: times.length === 0 ? null : ageMs(spool, Math.min(...times)),
    state,
    dropped: { total, unreported: subtractDrops(total, state?.reportedDrops ?? {}) },
    sender: sender !== undefined && isAtWork(sender, spool.clock.now(), isAlive) ? sender : null,
    captureError: readCaptureError(spool),
    sealProblem: spool.seals.problem() ?? null,
  }
}
