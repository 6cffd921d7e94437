import type { Random } from '@posthorn/core'
import type { HookConfig } from '../config/config.ts'
import type { HookLog } from '../logs/types.ts'
import { ownerIsGone, recoverClaims } from '../spool/claims.ts'
import { namesIn, type Spool } from '../spool/layout.ts'
import { eventFilesIn } from '../spool/listing.ts'
import { type IsAlive, processIsAlive, type SenderLock } from '../spool/sender-lock.ts'
import { recoverTemporaries } from '../spool/temporaries.ts'
import type { Failure } from '../spool/types.ts'
import { Backlog } from './backlog.ts'
import { reportHeader } from './client-report.ts'
import { type Delivered, Delivery } from './delivery.ts'
import { dropAgedFailures } from './failed-bounds.ts'
import { holdLeftMs, isHoldOver, settingsFingerprint } from './hold.ts'
import { Ledger } from './ledger.ts'
import type { EventSender } from './send-event.ts'
import type { DrainEnd, DrainResult, SendProgress } from './types.ts'
import { type Pause, Wake } from './wake.ts'

/** How long a sender goes on. */
export interface Endurance {
  /** Everything is due now, and a hold does not hold: a person asked. Each event is sent at most once. */
  isAsked: boolean
  /** Milliseconds that an empty spool is watched for the next event. `Infinity`: until it is stopped. */
  lingerMs: number
  /** Milliseconds that a backlog is kept company in which nothing moves. */
  patienceMs: number
}

/** What a sender works with. */
export interface SenderParts {
  spool: Spool
  config: HookConfig & { url: string; apiKey: string }
  lock: SenderLock
  sender: EventSender
  endurance: Endurance
  log: HookLog
  pause: Pause
  random: Random
  signal: AbortSignal
  onProgress(progress: SendProgress): void
  /** Calls `onChange` when the waiting events may have changed; returns how to stop. */
  watch(spool: Spool, onChange: () => void): () => void
  isAlive?: IsAlive
}

/** Sessions that are sent from at the same time. */
const CONCURRENCY = 8
/** How often the disk is looked at when nothing seems to happen: notifications of changes may be missed. */
const LOOK_EVERY_MS = 1_000
/** Old failures and what killed writers left are looked for this often. */
const CARE_EVERY_MS = 60_000

/** Empties a spool while it holds its lock: order is kept within a session, sessions go side by side. */
export class Sender {
  readonly #parts: SenderParts
  readonly #ledger: Ledger
  readonly #backlog: Backlog
  readonly #wake: Wake
  readonly #stop = new AbortController()
  /** The session of each event that is being sent. */
  readonly #inFlight = new Map<string, string>()
  /** Events that are not touched again by this sender: sent once on request, or the disk would not let them move. */
  readonly #done = new Set<string>()
  readonly #counts = { sent: 0, duplicates: 0, failed: 0 }
  #end: DrainEnd | undefined
  #wasHeld = false
  #movedAt: number
  #caredAt = Number.NEGATIVE_INFINITY

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.#wake = new Wake(parts.pause)
    this.#ledger = new Ledger(parts.spool, (error) => this.#logDisk('the state cannot be written', error))
    this.#backlog = new Backlog(parts.spool, parts.config.limits.maxAgeMs, (requestId, failure) =>
      this.#onFailed(requestId, failure),
    )
    this.#movedAt = parts.spool.clock.monotonic()
  }

  /** Works until there is nothing more to do within its endurance. Never rejects. */
  async run(): Promise<DrainResult> {
    const { spool, signal, log, watch } = this.#parts
    const stop = () => this.#finish('stopped')
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    const unwatch = watch(spool, () => this.#wake.knock())
    if (this.#ledger.wasCorrupt) log.error('the state could not be read and was put aside')
    try {
      this.#look()
      this.#parts.onProgress({ kind: 'started', backlog: this.#backlog.size })
      while (this.#end === undefined) await this.#step()
    } catch (error) {
      this.#logDisk('the spool cannot be used', error)
      this.#end = 'unwritable'
    } finally {
      unwatch()
      signal.removeEventListener('abort', stop)
      await this.#settle()
    }
    return { end: this.#end, ...this.#counts, backlog: this.#backlog.size, hold: this.#ledger.hold }
  }

  /** Whether events have come since the last look. */
  sawMore(): boolean {
    return this.#backlog.refresh(new Set())
  }

  async #step(): Promise<void> {
    if (!this.#parts.lock.isMine()) {
      this.#parts.log.queue('another sender took over')
      this.#finish('stopped')
      return
    }
    this.#look()
    this.#start()
    if (this.#end !== undefined) return
    if (this.#inFlight.size === 0) {
      const leftMs = this.#rest()
      if (leftMs === undefined) return
      this.#parts.lock.announce('waiting')
      this.#ledger.write()
      await this.#wake.sleep(Math.min(leftMs, LOOK_EVERY_MS))
      return
    }
    this.#parts.lock.announce('sending')
    await this.#wake.sleep(LOOK_EVERY_MS)
  }

  /** Looks at the disk: what came, what was dropped, what other senders left. */
  #look(): void {
    const { spool, isAlive = processIsAlive, log, lock } = this.#parts
    const isGone = ownerIsGone(isAlive)
    const recovered = recoverClaims(spool, (owner) => owner !== lock.info.token && isGone(owner))
    for (const requestId of recovered) log.queue('brought back from a sender that is gone', { requestId })
    this.#ledger.foldDrops()
    if (this.#backlog.refresh(new Set(this.#inFlight.keys()))) this.#moved()
    if (this.#now() - this.#caredAt >= CARE_EVERY_MS) this.#care()
    this.#ledger.writeIfDue()
  }

  #care(): void {
    const { spool, config, log } = this.#parts
    this.#caredAt = this.#now()
    for (const requestId of recoverTemporaries(spool))
      log.queue('left by a writer that was killed', { requestId })
    for (const requestId of dropAgedFailures(spool, config.limits)) {
      log.queue('dropped from failed/', { requestId })
    }
    const present = new Set(
      [...namesIn(spool, 'pending'), ...namesIn(spool, 'processing')].map((n) => n.slice(0, 36)),
    )
    this.#ledger.keepOnly((requestId) => present.has(requestId))
  }

  /** Starts what may be sent. Under a hold that is over, a single event finds out. */
  #start(): void {
    const hold = this.#ledger.hold
    const isProbe = hold !== null
    if (isProbe && (this.#inFlight.size > 0 || !this.#mayProbe())) return
    const due = this.#backlog.sendable(this.#inFlight, (requestId) => this.#isDue(requestId))
    for (const requestId of due.slice(0, isProbe ? 1 : CONCURRENCY - this.#inFlight.size)) {
      void this.#deliver(requestId)
    }
  }

  #mayProbe(): boolean {
    const hold = this.#ledger.hold
    if (hold === null) return true
    if (this.#parts.endurance.isAsked) return !this.#wasHeld
    const { config, spool } = this.#parts
    return isHoldOver(hold, spool.clock.now(), settingsFingerprint(config), this.#backlog.newestCapturedAt)
  }

  #isDue(requestId: string): boolean {
    if (this.#done.has(requestId)) return false
    const retry = this.#ledger.retryOf(requestId)
    if (retry === undefined || this.#parts.endurance.isAsked) return true
    const now = this.#parts.spool.clock.now()
    // A clock that went back must not make an event wait for the time it went back.
    return now >= retry.nextTryAt || now < retry.lastTriedAt || this.#backlog.wasHastened(requestId, retry)
  }

  async #deliver(requestId: string): Promise<void> {
    this.#inFlight.set(requestId, this.#backlog.sessionOf(requestId))
    this.#backlog.forget(requestId)
    try {
      const { spool, config, lock, log, pause, random, sender, onProgress } = this.#parts
      const parts = { spool, config, log, pause, random, sender, onProgress, ledger: this.#ledger }
      const delivered = await new Delivery(
        { ...parts, owner: lock.info.token, signal: this.#stop.signal, report: (id) => this.#report(id) },
        requestId,
      ).run()
      this.#count(requestId, delivered)
    } catch (error) {
      this.#done.add(requestId)
      this.#logDisk('an event cannot be moved', error, requestId)
    } finally {
      this.#inFlight.delete(requestId)
      this.#wake.knock()
    }
  }

  #count(requestId: string, delivered: Delivered): void {
    if (delivered === 'sent' || delivered === 'duplicate') {
      this.#counts.sent += 1
      if (delivered === 'duplicate') this.#counts.duplicates += 1
      this.#wasHeld = false
      this.#moved()
    } else if (delivered === 'failed') {
      this.#counts.failed += 1
      this.#moved()
    } else if (delivered === 'held') {
      this.#wasHeld = true
    } else if (delivered === 'waiting' && this.#parts.endurance.isAsked) {
      const isShrunk =
        this.#ledger.retryOf(requestId)?.nextTryAt === this.#ledger.retryOf(requestId)?.lastTriedAt
      if (!isShrunk) this.#done.add(requestId)
    }
  }

  /**
   * How long to rest until something is due, in milliseconds; undefined when this sender's work is over.
   */
  #rest(): number | undefined {
    const { endurance, spool, onProgress } = this.#parts
    const { lingerMs, patienceMs, isAsked } = endurance
    const backlog = this.#backlog.size
    onProgress({ kind: 'idle', backlog })
    const allowedMs = backlog === 0 ? lingerMs : patienceMs
    const leftMs = allowedMs - (spool.clock.monotonic() - this.#movedAt)
    if (leftMs <= 0 || isAsked) {
      const left = this.#ledger.hold === null ? 'waiting' : 'held'
      this.#finish(backlog === 0 ? 'empty' : left)
      return undefined
    }
    return Math.min(leftMs, Math.max(1, this.#nextDueMs()))
  }

  #nextDueMs(): number {
    const now = this.#parts.spool.clock.now()
    const hold = this.#ledger.hold
    if (hold !== null) return holdLeftMs(hold, now, this.#backlog.newestCapturedAt)
    const waits = this.#backlog
      .heads()
      .map((requestId) => this.#ledger.retryOf(requestId)?.nextTryAt ?? Infinity)
    return Math.max(0, Math.min(...waits) - now)
  }

  #report(requestId: string): string {
    const { spool } = this.#parts
    return reportHeader({
      clientId: this.#ledger.clientId,
      backlog: this.#backlog.size + this.#inFlight.size,
      failed: eventFilesIn(spool, 'failed').length,
      drops: this.#ledger.dropsFor(requestId),
      lastError: this.#ledger.lastError,
    })
  }

  #onFailed(requestId: string, { reason, message }: Failure): void {
    this.#counts.failed += 1
    this.#ledger.failed(requestId, { code: reason, message })
    this.#parts.log.error(`moved to failed/: ${reason}`, { requestId, detail: message })
    this.#parts.onProgress({ kind: 'failed', requestId, event: undefined, reason, message })
  }

  /** Stops: what is being sent is given up and put back. */
  #finish(end: DrainEnd): void {
    this.#end ??= end
    this.#stop.abort()
    this.#wake.knock()
  }

  /** Waits until every event under way is where it belongs, and writes the book. */
  async #settle(): Promise<void> {
    this.#stop.abort()
    while (this.#inFlight.size > 0) await this.#wake.sleep(LOOK_EVERY_MS)
    if (this.#parts.lock.isMine()) this.#ledger.write()
  }

  #moved(): void {
    this.#movedAt = this.#now()
  }

  #now(): number {
    return this.#parts.spool.clock.monotonic()
  }

  #logDisk(message: string, error: unknown, requestId?: string): void {
    const { code } = error as NodeJS.ErrnoException
    const detail = (error as Error).message
    this.#parts.log.error(message, { code, detail, ...(requestId !== undefined && { requestId }) })
  }
}
