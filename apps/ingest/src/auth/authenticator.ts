import { hash } from 'node:crypto'
import type { Clock } from '@posthorn/core'
import { systemClock } from '@posthorn/core'
import type { KeyIdentity } from '@posthorn/db'
import { inTime, LAST_RESORT_MS, orElse } from '../last-resort/last-resort.ts'

/** Where keys are looked up, and where their use is noted. */
export interface KeyDirectory {
  identify(text: string): Promise<KeyIdentity | undefined>
  touch(id: string): Promise<void>
}

const FRESH_MS = 5_000
/** For so long nobody waits for the database again that has just kept somebody waiting. */
const RESORT_MS = 1_000
const TOUCH_EVERY_MS = 60_000
const MAX_KEYS = 1_000
const KEY_FORM = /^phk_[0-9a-f]{32}_[A-Za-z0-9]{32,128}$/

interface Known {
  readonly identity: KeyIdentity
  /** when the database said so */
  readonly since: number
  readonly until: number
}

/**
 * Tells who a key belongs to. A key that was found is remembered for five seconds (so a revoked one works no longer than
 * that), under its SHA-256 and never under its text; the least recently used of a thousand makes room. Requests that
 * come while a key is being looked up wait for that one look-up. Unknown keys are not remembered: one that was made a
 * moment ago works at once. While the database does not answer, a key that it knew within the last minute goes on working.
 */
export class Authenticator {
  readonly #directory: KeyDirectory
  readonly #clock: Clock
  readonly #onTouchError: (error: unknown) => void
  readonly #known = new Map<string, Known>()
  readonly #pending = new Map<string, Promise<KeyIdentity | undefined>>()
  readonly #touched = new Map<string, number>()

  constructor(
    directory: KeyDirectory,
    options: { clock?: Clock; onTouchError?: (error: unknown) => void } = {},
  ) {
    this.#directory = directory
    this.#clock = options.clock ?? systemClock
    this.#onTouchError = options.onTouchError ?? (() => undefined)
  }

  /** Whose key this is, as far as that is remembered: the hot path, without a promise. */
  remembered(text: string): KeyIdentity | undefined {
    const digest = hash('sha256', text, 'base64')
    const known = this.#known.get(digest)
    if (!known || known.until <= this.#clock.monotonic()) return undefined
    // A Map keeps insertion order: moved to the end, it is the most recently used.
    this.#known.delete(digest)
    this.#known.set(digest, known)
    this.#noteUse(known.identity.id)
    return known.identity
  }

  /** Whose key this is; undefined for one that is unknown, expired or revoked. Rejects when the database does not answer. */
  async identify(text: string): Promise<KeyIdentity | undefined> {
    if (!KEY_FORM.test(text)) return undefined
    const digest = hash('sha256', text, 'base64')
    const pending = this.#pending.get(digest) ?? this.#lookUp(digest, text)
    const known = this.#known.get(digest)
    const identity = known ? await this.#orKnown(digest, pending, known) : await pending
    if (identity) this.#noteUse(identity.id)
    return identity
  }

  async #orKnown(
    digest: string,
    pending: Promise<KeyIdentity | undefined>,
    known: Known,
  ): Promise<KeyIdentity | undefined> {
    const { identity, since } = known
    if (this.#clock.monotonic() - since >= LAST_RESORT_MS) return pending
    const found = await orElse<KeyIdentity | undefined>(pending, identity)
    // What a look has brought in the meantime is not overruled.
    if (found === identity && this.#known.get(digest) === known)
      this.#known.set(digest, { identity, since, until: this.#clock.monotonic() + RESORT_MS })
    return found
  }

  #lookUp(digest: string, text: string): Promise<KeyIdentity | undefined> {
    const startedAt = this.#clock.monotonic()
    const lookUp = inTime(this.#directory.identify(text))
      .then((identity) => {
        this.#known.delete(digest)
        if (identity) this.#remember(digest, { identity, since: startedAt, until: startedAt + FRESH_MS })
        return identity
      })
      .finally(() => this.#pending.delete(digest))
    this.#pending.set(digest, lookUp)
    return lookUp
  }

  #remember(digest: string, known: Known): void {
    this.#known.set(digest, known)
    dropOldest(this.#known)
  }

  /** Writes that a key was used, at most once a minute and after the request was let through, never before. */
  #noteUse(id: string): void {
    const now = this.#clock.monotonic()
    const last = this.#touched.get(id)
    if (last !== undefined && now - last < TOUCH_EVERY_MS) return
    this.#touched.delete(id)
    this.#touched.set(id, now)
    dropOldest(this.#touched)
    setImmediate(() => void this.#directory.touch(id).catch(this.#onTouchError))
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_KEYS) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
