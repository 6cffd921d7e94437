import { newSpanId } from '@posthorn/core'
import { UnfitFileError } from '../plain-file.ts'
import { errorCode, tolerate, unlessGone } from './disk.ts'
import { writeDurably } from './durable-write.ts'
import { at, LOCK_FILE, type Spool, withDirectories } from './layout.ts'
import type { SenderInfo } from './types.ts'

/** How often the holder shows that it lives. */
export const HEARTBEAT_MS = 2_000
/** A lock without a sign of life for this long is nobody's. */
export const STALE_AFTER_MS = 15_000

const MOST_ROUNDS = 10

/** Whether a process of this host runs. */
export type IsAlive = (pid: number) => boolean

/** Asks the operating system. A process of another user counts as running. */
export const processIsAlive: IsAlive = (pid) => {
  // Zero and below would ask about groups of processes.
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** Loaded when it is needed: most captures ask nothing of it. */
const hostName = () => process.getBuiltinModule('node:os').hostname()

/** The right to send from a spool: one sender at a time. */
export interface SenderLock {
  readonly info: SenderInfo
  /** Shows that this sender lives. False when another one has taken over: then stop. */
  beat(): boolean
  /** False when another sender has taken over. */
  isMine(): boolean
  announce(activity: SenderInfo['activity']): void
  release(): void
}

/** The sender whose lock lies there, dead or alive. One whose file cannot be read yet has no token. */
export function readLock(spool: Spool): SenderInfo | undefined {
  const path = at(spool, LOCK_FILE)
  const heartbeatAt = spool.disk.info(path)?.modifiedAt
  const text = readLockText(spool, path)
  // What is no plain file is no sender's, whatever its time says.
  if (text === null) return { ...NOBODY, heartbeatAt: 0 }
  if (heartbeatAt === undefined || text === undefined) return undefined
  try {
    const raw = JSON.parse(text) as Omit<SenderInfo, 'heartbeatAt'>
    if (typeof raw.token === 'string' && typeof raw.pid === 'number') return { ...raw, heartbeatAt }
  } catch {
    // Its writer has just begun, or was killed.
  }
  return { ...NOBODY, heartbeatAt }
}

const NOBODY = {
  token: '',
  pid: 0,
  host: '',
  startedAt: '',
  activity: 'sending',
  settings: '',
  version: '',
} as const

/** Undefined when there is none; null when what lies there is no plain file. */
function readLockText(spool: Spool, path: string): string | null | undefined {
  try {
    return unlessGone(() => spool.disk.read(path))
  } catch (error) {
    if (error instanceof UnfitFileError) return null
    throw error
  }
}

/** Whether a lock's sender is at work: it showed so lately, and its process runs, as far as can be told. */
export function isAtWork(sender: SenderInfo, nowMs: number, isAlive: IsAlive = processIsAlive): boolean {
  if (Math.abs(nowMs - sender.heartbeatAt) > STALE_AFTER_MS) return false
  return sender.pid === 0 || sender.host !== hostName() || isAlive(sender.pid)
}

/** How to get the lock. */
export interface LockRequest {
  settings: string
  version: string
  /** Whether to take it from this sender, which is at work. */
  takeOver(holder: SenderInfo): boolean
  isAlive?: IsAlive
}

/** The lock, or the sender that holds it. A lock left by a sender that is gone is broken. */
export function acquireLock(spool: Spool, request: LockRequest): SenderLock | { holder: SenderInfo } {
  const { settings, version, takeOver, isAlive = processIsAlive } = request
  const now = spool.clock.now()
  const info: SenderInfo = {
    token: `${process.pid}-${newSpanId()}`,
    pid: process.pid,
    host: hostName(),
    startedAt: new Date(now).toISOString(),
    activity: 'sending',
    settings,
    version,
    heartbeatAt: now,
  }
  for (let round = 1; ; round++) {
    if (createLock(spool, info)) return new HeldLock(spool, info)
    const holder = readLock(spool)
    if (holder === undefined) continue
    // A lock that comes back each time it is broken is wanted by many: one of them has it.
    const mayBreak =
      round <= MOST_ROUNDS && (!isAtWork(holder, spool.clock.now(), isAlive) || takeOver(holder))
    if (!mayBreak) return { holder }
    breakLock(spool, holder, info.token)
  }
}

function createLock(spool: Spool, info: SenderInfo): boolean {
  try {
    const fd = withDirectories(spool, () => spool.disk.create(at(spool, LOCK_FILE)))
    try {
      spool.disk.write(fd, Buffer.from(textOf(info)))
    } finally {
      spool.disk.close(fd)
    }
    tolerate(() => spool.disk.touch(at(spool, LOCK_FILE), info.heartbeatAt))
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Moves a lock away, unless another sender was faster and what lies there now is its lock. */
function breakLock(spool: Spool, holder: SenderInfo, byToken: string): void {
  const path = at(spool, LOCK_FILE)
  const aside = at(spool, 'tmp', `lock.${byToken}`)
  unlessGone(() => withDirectories(spool, () => spool.disk.rename(path, aside)))
  const moved = readLockText(spool, aside)
  if (moved === undefined) return
  const isAnother = moved !== null && holder.token !== '' && !moved.includes(holder.token)
  if (isAnother && spool.disk.info(path) === undefined) unlessGone(() => spool.disk.rename(aside, path))
  else tolerate(() => spool.disk.remove(aside))
}

function textOf({ heartbeatAt: _, ...written }: SenderInfo): string {
  return `${JSON.stringify(written)}\n`
}

class HeldLock implements SenderLock {
  readonly #spool: Spool
  #info: SenderInfo

  constructor(spool: Spool, info: SenderInfo) {
    this.#spool = spool
    this.#info = info
  }

  get info(): SenderInfo {
    return this.#info
  }

  isMine(): boolean {
    return readLock(this.#spool)?.token === this.#info.token
  }

  beat(): boolean {
    if (!this.isMine()) return false
    tolerate(() => this.#spool.disk.touch(at(this.#spool, LOCK_FILE), this.#spool.clock.now()))
    return true
  }

  announce(activity: SenderInfo['activity']): void {
    if (activity === this.#info.activity || !this.isMine()) return
    this.#info = { ...this.#info, activity }
    tolerate(() => writeDurably(this.#spool, `lock.${this.#info.token}`, [LOCK_FILE], textOf(this.#info)))
  }

  release(): void {
    if (this.isMine()) tolerate(() => this.#spool.disk.remove(at(this.#spool, LOCK_FILE)))
  }
}
