import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { accessSync, constants, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { size } from '../terminal/output.ts'
import { type Check, fail, ok, warn } from './check.ts'

const LITTLE_ROOM_BYTES = 64 * 1_048_576

/** Whether the spool and the logs can be written, are nobody else's to read, and have room. */
export function checkPlaces(spoolDir: string, logDir: string): Check[] {
  return [
    ...checkPlace('spool', spoolDir, "Events go to the user's state directory meanwhile. "),
    ...checkPlace('logs', logDir, ''),
    ...room(spoolDir),
    ...ignored(spoolDir),
  ]
}

function checkPlace(name: string, path: string, meanwhile: string): Check[] {
  const problem = writeProblem(path)
  if (problem !== undefined) {
    return [
      fail(
        name,
        `${path} cannot be written: ${problem}`,
        `${meanwhile}Make it writable, or name another place.`,
      ),
    ]
  }
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat && process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8)
    return [warn(name, `${path} is open to other users (mode ${mode})`, `Run: chmod 700 ${path}`)]
  }
  return [ok(name, stat ? `${path} can be written` : `${path} can be made`)]
}

/** Why nothing can be written in a folder, or why it cannot be made; undefined where it can. */
function writeProblem(path: string): string | undefined {
  try {
    const existing = nearest(path)
    if (!statSync(existing).isDirectory()) return `${existing} is not a folder`
    accessSync(existing, constants.W_OK | constants.X_OK)
    if (existing === path) {
      // What is allowed may still fail: a full disk, a read-only file system.
      const probe = join(path, `.doctor-${randomUUID()}`)
      writeFileSync(probe, '', { flag: 'wx', mode: 0o600 })
      rmSync(probe)
    }
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** The folder itself, or the nearest one above it that exists. */
function nearest(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) || path === dirname(path) ? path : nearest(dirname(path))
}

function room(path: string): Check[] {
  try {
    const { bavail, bsize } = statfsSync(nearest(path))
    const free = bavail * bsize
    if (free >= LITTLE_ROOM_BYTES) return []
    return [warn('spool', `the disk has ${size(free)} left`, 'Events are lost when it is full: make room.')]
  } catch {
    return []
  }
}

/** Whether git would take what is captured into the repository. */
function ignored(spoolDir: string): Check[] {
  try {
    const options = { cwd: nearest(spoolDir), stdio: 'ignore', timeout: 10_000, windowsHide: true } as const
    execFileSync('git', ['check-ignore', '--quiet', join(spoolDir, 'pending', 'event.json')], options)
    return []
  } catch (error) {
    // 1: it is not ignored. Anything else: no git, or no repository.
    if ((error as { status?: unknown }).status !== 1) return []
    return [
      warn(
        'spool',
        `git does not ignore ${spoolDir}`,
        'What is captured could be committed. Run: posthorn-hook init',
      ),
    ]
  }
}
