import { tolerate, unlessGone } from './disk.ts'
import { syncDirectory } from './durable-write.ts'
import { at, dropFile, namesIn, reasonOfDrop, type Spool, withDirectories } from './layout.ts'
import type { DropCounts, DropReason } from './types.ts'

/**
 * Gives an event up. The file itself becomes the marker that counts it, by one rename, so that a crash
 * leaves an event that is either there or counted. False when somebody else took the file.
 */
export function dropEvent(
  spool: Spool,
  folder: 'pending' | 'failed',
  file: string,
  requestId: string,
  reason: DropReason,
): boolean {
  const marker = at(spool, 'dropped', dropFile(requestId, reason))
  const from = at(spool, folder, file)
  const moved = unlessGone(() => {
    withDirectories(spool, () => spool.disk.rename(from, marker))
    return true
  })
  if (moved !== true) return false
  tolerate(() => spool.disk.empty(marker))
  return true
}

/** Counts an event that never came to lie in the spool. */
export function markDrop(spool: Spool, requestId: string, reason: DropReason): void {
  const path = at(spool, 'dropped', dropFile(requestId, reason))
  spool.disk.close(withDirectories(spool, () => spool.disk.create(path)))
  syncDirectory(spool, 'dropped')
}

/** The markers that are not in `folded`, and how many they are by reason. */
export function countDrops(
  spool: Spool,
  folded: readonly string[],
): { markers: string[]; counts: DropCounts } {
  const known = new Set(folded)
  const counts: DropCounts = {}
  const markers = namesIn(spool, 'dropped').filter((name) => !known.has(name))
  for (const name of markers) {
    const reason = reasonOfDrop(name)
    if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1
  }
  return { markers, counts }
}

/** Two counts together. */
export function addDrops(a: DropCounts, b: DropCounts): DropCounts {
  return combine(a, b, 1)
}

/** `a` without `b`, never below nothing. */
export function subtractDrops(a: DropCounts, b: DropCounts): DropCounts {
  return combine(a, b, -1)
}

/** All reasons together. */
export function sumDrops(counts: DropCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function combine(a: DropCounts, b: DropCounts, sign: 1 | -1): DropCounts {
  const result: DropCounts = {}
  for (const reason of Object.keys({ ...a, ...b }) as DropReason[]) {
    const count = (a[reason] ?? 0) + sign * (b[reason] ?? 0)
    if (count > 0) result[reason] = count
  }
  return result
}
