import { failEvent } from './claims.ts'
import { tolerate, unlessGone } from './disk.ts'
import { readEventFile } from './event-file.ts'
import { at, eventFile, FOLDERS, idOfEventFile, namesIn, parseClaimFile, type Spool } from './layout.ts'
import { ageMs } from './listing.ts'

/** Writing takes milliseconds: what is this old was left by a writer that was killed. */
export const TEMPORARY_AGE_MS = 60_000

/**
 * Clears `tmp/` of what killed writers left. An event that is whole goes on to `pending/`; one that is
 * not goes to `failed/` with the reason. Returns the request ids of those two.
 */
export function recoverTemporaries(spool: Spool): string[] {
  const found: string[] = []
  for (const name of namesIn(spool, 'tmp')) {
    const info = spool.disk.info(at(spool, 'tmp', name))
    if (info === undefined || ageMs(spool, info.modifiedAt) < TEMPORARY_AGE_MS) continue
    const requestId = idOfEventFile(name)
    if (requestId === undefined || liesIn(spool, requestId)) {
      tolerate(() => spool.disk.remove(at(spool, 'tmp', name)))
    } else if (recoverEvent(spool, name, requestId)) {
      found.push(requestId)
    }
  }
  return found
}

function recoverEvent(spool: Spool, name: string, requestId: string): boolean {
  const decoded = readEventFile(spool, requestId, 'tmp', name)
  if (decoded === undefined) return false
  if ('corrupt' in decoded) {
    const message = `its writer was killed: ${decoded.corrupt}`
    const failedAt = new Date(spool.clock.now()).toISOString()
    failEvent(spool, 'tmp', name, name, { reason: 'corrupt', at: failedAt, message, tries: 0 })
  } else {
    unlessGone(() => spool.disk.rename(at(spool, 'tmp', name), at(spool, 'pending', name)))
  }
  return true
}

function liesIn(spool: Spool, requestId: string): boolean {
  return FOLDERS.some((folder) =>
    namesIn(spool, folder).some((name) =>
      folder === 'processing' ? parseClaimFile(name)?.requestId === requestId : name === eventFile(requestId),
    ),
  )
}
