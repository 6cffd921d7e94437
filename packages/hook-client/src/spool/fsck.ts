import { join } from 'node:path'
import { failEvent, failedName, ownerIsGone, recoverClaims } from './claims.ts'
import {
  at,
  DIRECTORIES,
  eventFile,
  isStray,
  LOCK_FILE,
  namesIn,
  parseClaimFile,
  REASON_SUFFIX,
  type Spool,
  STATE_FILE,
} from './layout.ts'
import { ageMs, eventFilesIn, listEvents } from './listing.ts'
import { type IsAlive, isAtWork, processIsAlive, readLock } from './sender-lock.ts'
import { readState, takeState } from './state-file.ts'
import { recoverTemporaries, TEMPORARY_AGE_MS } from './temporaries.ts'
import type { FsckFinding } from './types.ts'

/** How {@link checkSpool} works. */
export interface FsckOptions {
  /** Mends what can be mended: nothing is deleted that might be an event. */
  repair: boolean
  isAlive?: IsAlive
}

/** Looks through a whole spool, and on request mends it. */
export function checkSpool(spool: Spool, { repair, isAlive = processIsAlive }: FsckOptions): FsckFinding[] {
  const lock = readLock(spool)
  const isSending = lock !== undefined && isAtWork(lock, spool.clock.now(), isAlive)
  const findings = [
    ...wrongModes(spool),
    ...corruptEvents(spool),
    ...unsealedEvents(spool),
    ...orphanedClaims(spool, isAlive),
    ...orphanedReasons(spool),
    ...leftTemporaries(spool),
    ...corruptState(spool, isSending),
  ]
  if (lock !== undefined && !isSending) {
    findings.push(
      finding('stale-lock', LOCK_FILE, 'its sender is gone', () => spool.disk.remove(at(spool, LOCK_FILE))),
    )
  }
  return findings.map(({ mend, done, ...found }) => (repair && mend ? repaired(found, mend, done) : found))
}

interface Mendable extends FsckFinding {
  mend?: () => void
  done?: string
}

function finding(
  kind: FsckFinding['kind'],
  path: string,
  message: string,
  mend?: () => void,
  done = 'removed',
): Mendable {
  return { kind, path, message, ...(mend && { mend, done }) }
}

function repaired(found: FsckFinding, mend: () => void, done = 'removed'): FsckFinding {
  try {
    mend()
    return { ...found, repaired: done }
  } catch (error) {
    return { ...found, message: `${found.message}; it cannot be mended: ${(error as Error).message}` }
  }
}

/** Files that somebody else may have put there. Without a key nobody can tell. */
function unsealedEvents(spool: Spool): Mendable[] {
  const problem = spool.seals.problem()
  if (problem !== undefined) {
    const message = `events can neither be sealed nor sent: ${problem}`
    return [finding('no-seal-key', '.', message)]
  }
  return listEvents(spool).flatMap(({ folder, file, unsealed }) => {
    if (unsealed === undefined || folder === 'failed') return []
    const failedAt = new Date(spool.clock.now()).toISOString()
    const failure = { reason: 'unsealed', at: failedAt, message: unsealed, tries: 0 } as const
    const mend = () => failEvent(spool, folder, file, failedName(file), failure)
    return [finding('unsealed-event', `${folder}/${file}`, unsealed, mend, 'moved to failed/')]
  })
}

function corruptEvents(spool: Spool): Mendable[] {
  return listEvents(spool).flatMap(({ folder, file, corrupt }) => {
    if (corrupt === undefined || folder === 'failed') return []
    const failure = {
      reason: 'corrupt',
      at: new Date(spool.clock.now()).toISOString(),
      message: corrupt,
      tries: 0,
    } as const
    const mend = () => failEvent(spool, folder, file, failedName(file), failure)
    return [
      finding(
        isStray(file) ? 'stray-file' : 'corrupt-event',
        `${folder}/${file}`,
        isStray(file) ? 'a file that is no event' : corrupt,
        mend,
        'moved to failed/',
      ),
    ]
  })
}

function orphanedClaims(spool: Spool, isAlive: IsAlive): Mendable[] {
  const isGone = ownerIsGone(isAlive)
  return namesIn(spool, 'processing').flatMap((file) => {
    const parsed = parseClaimFile(file)
    if (parsed === undefined) return []
    const path = `processing/${file}`
    const name = eventFile(parsed.requestId)
    const mend = () => void recoverClaims(spool, (owner) => owner === parsed.claim.owner || isGone(owner))
    const copy = (['pending', 'failed'] as const).find((folder) => spool.disk.info(at(spool, folder, name)))
    if (copy !== undefined) {
      return [finding('duplicate-claim', path, `the event also lies in ${copy}/`, mend)]
    }
    const isOver = parsed.claim.leaseUntil <= spool.clock.now() || isGone(parsed.claim.owner)
    return isOver
      ? [finding('orphaned-claim', path, 'its sender is gone', mend, 'put back into pending/')]
      : []
  })
}

function orphanedReasons(spool: Spool): Mendable[] {
  const events = new Set(eventFilesIn(spool, 'failed').map((file) => file.replace(/\.json$/, '')))
  return namesIn(spool, 'failed')
    .filter((name) => name.endsWith(REASON_SUFFIX) && !events.has(name.slice(0, -REASON_SUFFIX.length)))
    .map((name) => {
      const message = 'there is no event to this reason'
      const mend = () => spool.disk.remove(at(spool, 'failed', name))
      return finding('orphaned-reason', `failed/${name}`, message, mend)
    })
}

function leftTemporaries(spool: Spool): Mendable[] {
  return namesIn(spool, 'tmp').flatMap((name) => {
    const info = spool.disk.info(at(spool, 'tmp', name))
    if (info === undefined || ageMs(spool, info.modifiedAt) < TEMPORARY_AGE_MS) return []
    const mend = () => void recoverTemporaries(spool)
    return [
      finding(
        'leftover-temp',
        `tmp/${name}`,
        'its writer was killed',
        mend,
        'brought back or moved to failed/',
      ),
    ]
  })
}

/** Events hold what a person said and did: nobody else may read them. Windows has no such bits. */
function wrongModes(spool: Spool): Mendable[] {
  if (process.platform === 'win32') return []
  const directories = ['.', ...DIRECTORIES].map((name) => ({ path: name, right: 0o700 }))
  const files = (['pending', 'processing', 'failed'] as const).flatMap((folder) =>
    namesIn(spool, folder).map((name) => ({ path: `${folder}/${name}`, right: 0o600 })),
  )
  return [...directories, ...files].flatMap(({ path, right }) => {
    const { mode, isLink } = spool.disk.info(at(spool, path)) ?? { mode: 0, isLink: false }
    // What a link leads to is not the spool's. That the spool itself is behind one is its owner's choice.
    if ((mode & 0o077) === 0 || (isLink && path !== '.')) return []
    const message = `others may use it (mode ${mode.toString(8)})`
    const mend = () => spool.disk.protect(path === '.' ? join(spool.dir, '/') : at(spool, path), right)
    return [finding('wrong-mode', path, message, mend, `set to ${right.toString(8)}`)]
  })
}

function corruptState(spool: Spool, isSending: boolean): Mendable[] {
  if (readState(spool) !== 'corrupt') return []
  const message = 'it cannot be read: events are tried again at once, counts of drops are lost'
  const mend = isSending ? undefined : () => void takeState(spool)
  return [finding('corrupt-state', STATE_FILE, message, mend, 'put aside as state.corrupt.json')]
}
