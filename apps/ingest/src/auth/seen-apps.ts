import type { Clock } from '@posthorn/core'
import { systemClock } from '@posthorn/core'
import type { AppScope, Posthorn } from '@posthorn/engine'
import { inTime, LAST_RESORT_MS, orElse } from '../last-resort/last-resort.ts'

const FRESH_MS = 5_000
const MAX_APPS = 1_000

/**
 * Apps that were found to exist, for five seconds: one that was deleted is served no longer than that. While the database
 * does not answer, what it knew within the last minute holds.
 */
export class SeenApps {
  readonly #posthorn: Pick<Posthorn, 'forApp' | 'hasApp'>
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #scopes = new Map<string, AppScope>()
  readonly #until = new Map<string, number>()

  constructor(posthorn: Pick<Posthorn, 'forApp' | 'hasApp'>, clock: Pick<Clock, 'monotonic'> = systemClock) {
    this.#posthorn = posthorn
    this.#clock = clock
  }

  /** Whether the app was found a moment ago: the hot path, without a promise. */
  has(appId: string): boolean {
    return (this.#until.get(appId) ?? 0) > this.#clock.monotonic()
  }

  /** Whether there is such an app. */
  async find(appId: string): Promise<boolean> {
    const now = this.#clock.monotonic()
    const looking = this.#look(appId, now + FRESH_MS)
    const isKnown = (this.#until.get(appId) ?? Number.NEGATIVE_INFINITY) - FRESH_MS + LAST_RESORT_MS > now
    return isKnown ? orElse(looking, true) : looking
  }

  async #look(appId: string, until: number): Promise<boolean> {
    const exists = await inTime(this.#posthorn.hasApp(appId))
    if (this.#until.size >= MAX_APPS) this.#until.clear()
    if (exists) this.#until.set(appId, until)
    else this.#until.delete(appId)
    return exists
  }

  /** The engine on behalf of an app. */
  scopeOf(appId: string): AppScope {
    const known = this.#scopes.get(appId)
    if (known) return known
    if (this.#scopes.size >= MAX_APPS) this.#scopes.clear()
    const scope = this.#posthorn.forApp(appId)
    this.#scopes.set(appId, scope)
    return scope
  }
}
