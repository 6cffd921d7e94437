import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { uuidv7 } from '@posthorn/core'

/** How large a log grows and how many full ones are kept beside it. */
export interface RotationLimits {
  readonly maxBytes: number
  readonly keep: number
}

/** Whoever holds the lock needs it for a few system calls; one that is older was left by a killed process. */
const STALE_LOCK_MS = 10_000

/**
 * Puts a full log aside as `webhook-queue.<time>-<random>.log` and removes all but the newest ones. Several processes
 * may try at once: one does it, the others write on. A name is used once, so nothing is ever overwritten, and whoever
 * still holds the file open writes into the renamed one. Does nothing where the log is not full (any more).
 * @throws the error of the file system; nothing is lost then, the log only grows on.
 */
export function rotate(path: string, limits: RotationLimits, now: Date): void {
  const lock = `${path}.lock`
  if (!tryLock(lock)) return
  try {
    if (sizeOf(path) < limits.maxBytes) return
    const aside = rotatedName(path, now)
    renameSync(path, aside)
    for (const old of rotatedFiles(path).slice(0, -limits.keep))
      if (old !== aside) rmSync(old, { force: true })
  } finally {
    rmSync(lock, { force: true })
  }
}

/** The full logs that were put aside, the oldest first. */
export function rotatedFiles(path: string): string[] {
  const stem = `${basename(path, '.log')}.`
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(stem) && /^\d{4}-[\w.-]+\.log$/.test(name.slice(stem.length)))
    .sort()
    .map((name) => join(dirname(path), name))
}

/** In the order of names, logs that one process puts aside within a millisecond are in the order of their entries. */
function rotatedName(path: string, now: Date): string {
  const time = now.toISOString().replaceAll(':', '-')
  const id = uuidv7({ now: () => now.getTime() })
  const [counter, random] = [id.slice(15, 18), id.slice(-9)]
  return join(dirname(path), `${basename(path, '.log')}.${time}-${counter}${random}.log`)
}

function tryLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // A clock that was set back leaves a lock from the future: as stale as one from long ago.
    const heldSince = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (heldSince !== undefined && Math.abs(Date.now() - heldSince) > STALE_LOCK_MS)
      rmSync(lock, { force: true })
    return false
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
