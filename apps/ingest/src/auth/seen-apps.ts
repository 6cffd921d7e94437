import type { Clock } from '@posthorn/core'
import { systemClock } from '@posthorn/core'
import type { AppScope, Posthorn } from '@posthorn/engine'

const FRESH_MS = 5_000
const MAX_APPS = 1_000

/** Apps that were found to exist, for five seconds: one that was deleted is served no longer than that. */
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
    const until = this.#clock.monotonic() + FRESH_MS
    const exists = await this.#posthorn.hasApp(appId)
    if (this.#until.size >= MAX_APPS) this.#until.clear()
    if (exists) this.#until.set(appId, until)
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
