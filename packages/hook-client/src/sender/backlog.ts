import { failEvent, failedName } from '../spool/claims.ts'
import { readEventFile } from '../spool/event-file.ts'
import { at, eventFile, idOfEventFile, namesIn, parseClaimFile, type Spool } from '../spool/layout.ts'
import { ageMs, capturedAtOf } from '../spool/listing.ts'
import type { Failure, RetryState } from '../spool/types.ts'

/** What is known of a waiting event without its body. */
interface Waiting {
  requestId: string
  /** Events of one session are sent one after the other; those without one know no order. */
  session: string
}

/** Called for each file that is moved to `failed/` while looking. */
export type OnFailed = (requestId: string, failure: Failure) => void

/** The waiting events of a spool, in order of capture, and which of them may be sent. */
export class Backlog {
  readonly #spool: Spool
  readonly #maxAgeMs: number
  readonly #onFailed: OnFailed
  readonly #sessions = new Map<string, string>()
  #waiting: Waiting[] = []
  #sawNew = false
  /** Sessions of which another sender is sending an event. */
  #busyElsewhere = new Set<string>()

  constructor(spool: Spool, maxAgeMs: number, onFailed: OnFailed) {
    this.#spool = spool
    this.#maxAgeMs = maxAgeMs
    this.#onFailed = onFailed
  }

  get size(): number {
    return this.#waiting.length
  }

  /** When the newest event was captured, epoch milliseconds; 0 without one. */
  get newestCapturedAt(): number {
    return capturedAtOf(this.#waiting.at(-1)?.requestId ?? '') ?? 0
  }

  /** Looks at the disk again. True when there is an event that was not there before. */
  refresh(ownClaims: ReadonlySet<string>): boolean {
    const names = namesIn(this.#spool, 'pending')
    this.#sawNew = false
    this.#waiting = names.flatMap((name) => this.#look(name) ?? [])
    this.#busyElsewhere = new Set(
      namesIn(this.#spool, 'processing').flatMap((name) => {
        const requestId = parseClaimFile(name)?.requestId
        if (requestId === undefined || ownClaims.has(requestId)) return []
        return this.#sessions.get(requestId) ?? this.#sessionOf('processing', name, requestId) ?? []
      }),
    )
    this.#forgetOthers(ownClaims)
    return this.#sawNew
  }

  /**
   * The events that may be sent now: of each session the first, unless it is being sent or must wait.
   * A first one that waits holds up its session.
   */
  sendable(inFlight: ReadonlyMap<string, string>, isDue: (requestId: string) => boolean): string[] {
    const blocked = new Set([...inFlight.values(), ...this.#busyElsewhere])
    const ids: string[] = []
    for (const { requestId, session } of this.#waiting) {
      if (blocked.has(session) || inFlight.has(requestId)) continue
      blocked.add(session)
      if (isDue(requestId)) ids.push(requestId)
    }
    return ids
  }

  /** The first event of each session, due or not. */
  heads(): string[] {
    return this.sendable(new Map(), () => true)
  }

  /** What orders an event among others. */
  sessionOf(requestId: string): string {
    return this.#sessions.get(requestId) ?? requestId
  }

  /** Takes an event out of the list until the next look: it is being sent, or it is gone. */
  forget(requestId: string): void {
    this.#waiting = this.#waiting.filter((one) => one.requestId !== requestId)
  }

  /** Whether somebody asked, by touching its file, for an event to be tried at once. */
  wasHastened(requestId: string, { lastTriedAt }: RetryState): boolean {
    const path = at(this.#spool, 'pending', eventFile(requestId))
    return (this.#spool.disk.info(path)?.modifiedAt ?? 0) > lastTriedAt
  }

  #look(name: string): Waiting | undefined {
    const requestId = idOfEventFile(name)
    if (requestId === undefined) {
      this.#fail(name, name, 'corrupt', 'the name is not that of an event')
      return undefined
    }
    const age = ageMs(this.#spool, capturedAtOf(requestId) ?? this.#spool.clock.now())
    if (age > this.#maxAgeMs) {
      this.#fail(name, requestId, 'expired', `it waited for more than ${this.#maxAgeMs} ms`)
      return undefined
    }
    const session = this.#sessions.get(requestId) ?? this.#sessionOf('pending', name, requestId)
    return session === undefined ? undefined : { requestId, session }
  }

  /** Reads a file once, for its session. One that is no event, or not one that was captured here, goes to `failed/`. */
  #sessionOf(folder: 'pending' | 'processing', name: string, requestId: string): string | undefined {
    const decoded = readEventFile(this.#spool, requestId, folder, name)
    if (decoded === undefined) return undefined
    if ('corrupt' in decoded) {
      if (folder === 'pending') this.#fail(name, requestId, 'corrupt', decoded.corrupt)
      return undefined
    }
    if ('unsealed' in decoded) {
      if (folder === 'pending') this.#fail(name, requestId, 'unsealed', decoded.unsealed)
      return undefined
    }
    const session = decoded.event.sessionId ?? requestId
    if (folder === 'pending') this.#sawNew = true
    this.#sessions.set(requestId, session)
    return session
  }

  #fail(name: string, requestId: string, reason: 'corrupt' | 'expired' | 'unsealed', message: string): void {
    const failure = { reason, message, at: new Date(this.#spool.clock.now()).toISOString(), tries: 0 }
    failEvent(this.#spool, 'pending', name, failedName(name), failure)
    this.#onFailed(requestId, failure)
  }

  #forgetOthers(ownClaims: ReadonlySet<string>): void {
    const present = new Set(this.#waiting.map(({ requestId }) => requestId))
    for (const requestId of this.#sessions.keys()) {
      if (!present.has(requestId) && !ownClaims.has(requestId)) this.#sessions.delete(requestId)
    }
  }
}
