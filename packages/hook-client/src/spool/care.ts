import { temporaryName, tolerate, unlessGone } from './disk.ts'
import { writeDurably } from './durable-write.ts'
import { encodeEvent, readEventFile } from './event-file.ts'
import { at, eventFile, REASON_SUFFIX, type Spool, withDirectories } from './layout.ts'
import { listEvents } from './listing.ts'
import type { SpoolEntry, SpoolFolder } from './types.ts'

/** How {@link retryEvents} works. */
export interface RetryOptions {
  /** Takes events without a seal of this user's for the user's own, and seals them. Default false: they stay. */
  unsealed?: boolean
}

/**
 * Lets events be tried again: one of `failed/` goes back to `pending/` with all its tries, one that waits
 * is due at once. One that {@link canBeSent} denies stays. Returns the request ids of those that are to be tried.
 */
export function retryEvents(
  spool: Spool,
  which: readonly string[] | 'all',
  { unsealed = false }: RetryOptions = {},
): string[] {
  return listEvents(spool)
    .filter((entry) => isMeant(entry, which) && canBeSent(entry))
    .filter((entry) => entry.unsealed === undefined || (unsealed && adoptEvent(spool, entry)))
    .filter((entry) => (entry.folder === 'failed' ? reviveEvent(spool, entry) : hastenEvent(spool, entry)))
    .map(({ requestId }) => requestId)
}

/** Seals an event where it lies, unless it is gone or there is no key. */
function adoptEvent(spool: Spool, { folder, file, requestId }: SpoolEntry): boolean {
  if (folder === 'processing' || !spool.seals.ready()) return false
  const decoded = readEventFile(spool, requestId, folder, file)
  if (decoded === undefined || !('written' in decoded)) return false
  writeDurably(spool, temporaryName('seal'), [folder, file], encodeEvent(spool, decoded.written))
  return true
}

/** Whether there is an event that a server could take: no torn file, and not what a hook could not read. */
export function canBeSent({ event, failure }: SpoolEntry): boolean {
  return event !== undefined && failure?.reason !== 'unreadable-input'
}

function reviveEvent(spool: Spool, { file, requestId }: SpoolEntry): boolean {
  const to = at(spool, 'pending', eventFile(requestId))
  const moved = unlessGone(() => {
    withDirectories(spool, () => spool.disk.rename(at(spool, 'failed', file), to))
    return true
  })
  if (moved !== true) return false
  removeReason(spool, file)
  return hastenEvent(spool, { folder: 'pending', file: eventFile(requestId) })
}

/** A file touched after its last try is due: the sender's state stays its own. */
function hastenEvent(spool: Spool, { folder, file }: Pick<SpoolEntry, 'folder' | 'file'>): boolean {
  if (folder !== 'pending') return false
  unlessGone(() => spool.disk.touch(at(spool, folder, file), spool.clock.now()))
  return true
}

/** Which events {@link purgeEvents} deletes: those that meet every condition that is given. */
export interface PurgeOptions {
  /** Default `failed`. What is being sent just now is never deleted. */
  folder?: Exclude<SpoolFolder, 'processing'> | 'all'
  requestIds?: readonly string[]
  /** Milliseconds since capture. */
  olderThanMs?: number
}

/** Deletes events on the user's wish; this is no drop, and counted as none. Returns their request ids. */
export function purgeEvents(spool: Spool, options: PurgeOptions = {}): string[] {
  const { folder = 'failed', requestIds, olderThanMs = 0 } = options
  return listEvents(spool)
    .filter((entry) => entry.folder !== 'processing' && (folder === 'all' || entry.folder === folder))
    .filter((entry) => isMeant(entry, requestIds ?? 'all') && entry.ageMs >= olderThanMs)
    .filter(({ folder: from, file }) => {
      const isRemoved = unlessGone(() => {
        spool.disk.remove(at(spool, from, file))
        return true
      })
      if (from === 'failed') removeReason(spool, file)
      return isRemoved === true
    })
    .map(({ requestId }) => requestId)
}

/** Removes what is kept beside a file in `failed/`. */
export function removeReason(spool: Spool, file: string): void {
  tolerate(() => spool.disk.remove(at(spool, 'failed', file.replace(/\.json$/, '') + REASON_SUFFIX)))
}

function isMeant({ requestId, file }: SpoolEntry, which: readonly string[] | 'all'): boolean {
  return which === 'all' || which.includes(requestId) || which.includes(file)
}
