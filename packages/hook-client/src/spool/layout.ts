import { join } from 'node:path'
import { type Clock, canonicalUuid, systemClock } from '@posthorn/core'
import { type Disk, systemDisk, unlessGone } from './disk.ts'
import { Seals } from './seals.ts'
import type { Claim, DropReason, SpoolFolder } from './types.ts'

/**
 * A spool: a directory, and what it is read and written with.
 *
 *     pending/<id>.json                         waits to be sent
 *     processing/<id>.<owner>.<lease>.json      is being sent
 *     failed/<id>.json, <id>.reason.json        will not be sent by itself
 *     tmp/                                      files being written
 *     dropped/<id>.<reason>                     empty: one event given up, until it is counted
 *     state.json, sender.lock                   the sender's
 */
export interface Spool {
  readonly dir: string
  readonly disk: Disk
  readonly clock: Clock
  readonly seals: Seals
}

/** What a spool is opened with. */
export interface SpoolOptions {
  /** Where the key that events are sealed with may lie: `sealDirs` of the settings. */
  readonly sealDirs: readonly string[]
  /** In place of the machine's own, for tests. */
  readonly disk?: Disk
  readonly clock?: Clock
}

/** The spool in a directory, which need not exist yet. Touches nothing. */
export function openSpool(dir: string, options: SpoolOptions): Spool {
  const { sealDirs, disk = systemDisk, clock = systemClock } = options
  return { dir, disk, clock, seals: new Seals(sealDirs, disk) }
}

/** Every directory in a spool. */
export const DIRECTORIES = ['pending', 'processing', 'failed', 'tmp', 'dropped'] as const
export const FOLDERS: readonly SpoolFolder[] = ['pending', 'processing', 'failed']
export const STATE_FILE = 'state.json'
export const LOCK_FILE = 'sender.lock'
export const CAPTURE_ERROR_FILE = 'capture-error.json'
export const REASON_SUFFIX = '.reason.json'

const DROP_REASONS: readonly DropReason[] = ['full', 'expired', 'unwritable']

/** A path in the spool. */
export function at(spool: Spool, ...parts: string[]): string {
  return join(spool.dir, ...parts)
}

/** Makes the directories of a spool. */
export function makeDirectories(spool: Spool): void {
  for (const name of DIRECTORIES) spool.disk.makeDir(at(spool, name))
}

/** Does `work`, and once more after making the directories when one of them is missing. */
export function withDirectories<T>(spool: Spool, work: () => T): T {
  const first = unlessGone(() => ({ done: work() }))
  if (first !== undefined) return first.done
  makeDirectories(spool)
  return work()
}

/** The names in a directory of the spool, sorted, which is the order of capture; none when it is not there. */
export function namesIn(spool: Spool, directory: (typeof DIRECTORIES)[number]): string[] {
  return (unlessGone(() => spool.disk.list(at(spool, directory))) ?? []).sort()
}

/** `<id>.json` */
export function eventFile(requestId: string): string {
  return `${requestId}.json`
}

/** The request id of a file in `pending/` or `failed/`; undefined for any other name. */
export function idOfEventFile(file: string): string | undefined {
  return file.endsWith('.json') ? idIn(file.slice(0, -'.json'.length)) : undefined
}

/** `<id>.<owner>.<lease>.json` */
export function claimFile(requestId: string, { owner, leaseUntil }: Claim): string {
  return `${requestId}.${owner}.${leaseUntil}.json`
}

/** What the name of a file in `processing/` says; a name without owner and lease has one that ran out. */
export function parseClaimFile(file: string): { requestId: string; claim: Claim } | undefined {
  const [id = '', owner, lease, ...rest] = file.endsWith('.json') ? file.slice(0, -5).split('.') : []
  const requestId = idIn(id)
  if (requestId === undefined || rest.length > 0) return undefined
  const leaseUntil = Number(lease)
  return owner !== undefined && Number.isSafeInteger(leaseUntil)
    ? { requestId, claim: { owner, leaseUntil } }
    : { requestId, claim: { owner: 'unknown', leaseUntil: 0 } }
}

/** Whether a file among the events is none, by its name. */
export function isStray(file: string): boolean {
  return idOfEventFile(file) === undefined && parseClaimFile(file) === undefined
}

/** `<id>.<reason>` */
export function dropFile(requestId: string, reason: DropReason): string {
  return `${requestId}.${reason}`
}

/** The reason in the name of a drop marker. */
export function reasonOfDrop(file: string): DropReason | undefined {
  return DROP_REASONS.find((reason) => file.endsWith(`.${reason}`))
}

function idIn(text: string): string | undefined {
  return text.length === 36 && canonicalUuid(text) === text ? text : undefined
}
