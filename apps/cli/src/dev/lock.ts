import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { isMissing, isTaken } from './file-errors.ts'
import { isRunning, type ProcessIdentity, thisProcess } from './process-identity.ts'

/** A lock that is held; release it at the end. */
export interface HeldLock {
  release(): Promise<void>
}

const TAKEOVER_STALE_MS = 5_000

/**
 * Takes a lock file for this process. One that was left by a process that is gone, however it went, is taken over, also
 * when its number belongs to another process by now.
 *
 * @returns the lock, or who holds it
 */
export async function takeLock(path: string): Promise<HeldLock | { heldBy: ProcessIdentity }> {
  const own = `${path}.${process.pid}`
  await writeFile(own, JSON.stringify(thisProcess()), { mode: 0o600 })
  try {
    for (;;) {
      // A link appears whole and in one step: nobody ever reads a half-written lock.
      if (await linked(own, path)) return { release: () => rm(path, { force: true }) }
      const holder = await readHolder(path)
      if (holder && isRunning(holder)) return { heldBy: holder }
      await clearStale(path)
    }
  } finally {
    await rm(own, { force: true })
  }
}

/** Who holds a lock at the moment. */
export async function lockHolder(path: string): Promise<ProcessIdentity | undefined> {
  const holder = await readHolder(path)
  return holder && isRunning(holder) ? holder : undefined
}

/** Removes a lock whose holder is gone. One at a time: two that both saw it stale must not remove each other's new one. */
async function clearStale(path: string): Promise<void> {
  const turn = `${path}.takeover`
  try {
    await mkdir(turn)
  } catch (error) {
    if (!isTaken(error)) throw error
    const age =
      Date.now() -
      (await stat(turn).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ))
    // Whoever had the turn died in it.
    if (age > TAKEOVER_STALE_MS) await rmdir(turn).catch(() => undefined)
    await wait(20)
    return
  }
  try {
    const holder = await readHolder(path)
    if (!holder || !isRunning(holder)) await rm(path, { force: true })
  } finally {
    await rmdir(turn)
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isTaken(error)) return false
    throw error
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const { pid, startedAt } = value as Record<string, unknown>
    return typeof pid === 'number' ? { pid, startedAt: String(startedAt ?? '') } : undefined
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined
    throw error
  }
}
