import { tolerate, unlessGone } from './disk.ts'
import { syncDirectory, writeDurably } from './durable-write.ts'
import {
  at,
  claimFile,
  eventFile,
  idOfEventFile,
  namesIn,
  parseClaimFile,
  REASON_SUFFIX,
  type Spool,
  withDirectories,
} from './layout.ts'
import type { IsAlive } from './sender-lock.ts'
import type { Claim, Failure } from './types.ts'

/** A lease that ends later than this was made under a clock that has gone back since. */
const LONGEST_LEASE_MS = 3_600_000

/** Takes a waiting event for sending. Undefined when it is not there any more. */
export function claimEvent(spool: Spool, requestId: string, claim: Claim): string | undefined {
  const file = claimFile(requestId, claim)
  return unlessGone(() => {
    const from = at(spool, 'pending', eventFile(requestId))
    withDirectories(spool, () => spool.disk.rename(from, at(spool, 'processing', file)))
    return file
  })
}

/** Puts a claimed event back to wait. */
export function releaseEvent(spool: Spool, claimed: string, requestId: string): void {
  const from = at(spool, 'processing', claimed)
  const to = at(spool, 'pending', eventFile(requestId))
  unlessGone(() => withDirectories(spool, () => spool.disk.rename(from, to)))
}

/** Removes an event that the server has taken. */
export function completeEvent(spool: Spool, claimed: string): void {
  unlessGone(() => spool.disk.remove(at(spool, 'processing', claimed)))
}

/**
 * Moves a file of `pending/` or `processing/` to `failed/`. The reason is written first: a crash in
 * between leaves the event where it was, to be tried and rejected again.
 */
export function failEvent(
  spool: Spool,
  folder: 'pending' | 'processing' | 'tmp',
  file: string,
  target: string,
  failure: Failure,
): void {
  const stem = target.replace(/\.json$/, '')
  const reason = `${stem}${REASON_SUFFIX}`
  writeDurably(spool, reason, ['failed', reason], `${JSON.stringify(failure, null, 2)}\n`)
  unlessGone(() => spool.disk.rename(at(spool, folder, file), at(spool, 'failed', target)))
  syncDirectory(spool, 'failed')
}

/** The name that a file gets in `failed/`: its event's, or its own when it has none. */
export function failedName(file: string): string {
  const requestId = idOfEventFile(file) ?? parseClaimFile(file)?.requestId
  return requestId === undefined ? file : eventFile(requestId)
}

/**
 * Brings back what a killed sender was sending: claims whose lease has run out, or whose owner is gone.
 * An event that also lies in `pending/` or `failed/` was already moved on: only the claim is removed.
 */
export function recoverClaims(spool: Spool, isGone: (owner: string) => boolean): string[] {
  const now = spool.clock.now()
  const recovered: string[] = []
  for (const file of namesIn(spool, 'processing')) {
    const parsed = parseClaimFile(file)
    if (parsed === undefined) continue
    const { requestId, claim } = parsed
    const isLive =
      claim.leaseUntil > now && claim.leaseUntil <= now + LONGEST_LEASE_MS && !isGone(claim.owner)
    if (isLive) continue
    const name = eventFile(requestId)
    const isElsewhere = ['pending', 'failed'].some((folder) => spool.disk.info(at(spool, folder, name)))
    if (isElsewhere) completeEvent(spool, file)
    else releaseEvent(spool, file, requestId)
    recovered.push(requestId)
  }
  return recovered
}

/** Whether the process in a claim's owner is gone from this machine. */
export function ownerIsGone(isAlive: IsAlive): (owner: string) => boolean {
  return (owner) => !isAlive(Number.parseInt(owner, 10) || 0)
}

/** Writes an event anew under its id, in place of the claimed one, and lets it wait. */
export function replaceEvent(spool: Spool, claimed: string, requestId: string, text: string): void {
  const file = eventFile(requestId)
  writeDurably(spool, file, ['pending', file], text)
  tolerate(() => completeEvent(spool, claimed))
}
