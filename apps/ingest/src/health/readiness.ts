import type { Clock } from '@posthorn/core'
import { systemClock } from '@posthorn/core'
import type { DatabaseReadiness } from '@posthorn/db'

const FRESH_MS = 1_000

/**
 * Whether the service can do its work. The database is asked at most once a second however many ask; a service that is
 * stopping is not ready, whatever its database says.
 */
export class Readiness {
  readonly #ask: () => Promise<DatabaseReadiness>
  readonly #clock: Clock
  #isDraining = false
  #answer: { readonly at: number; readonly value: Promise<DatabaseReadiness> } | undefined

  constructor(ask: () => Promise<DatabaseReadiness>, clock: Clock = systemClock) {
    this.#ask = ask
    this.#clock = clock
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** From now on the service is not ready: load balancers send their requests elsewhere. */
  drain(): void {
    this.#isDraining = true
  }

  async check(): Promise<DatabaseReadiness> {
    const database = await this.database()
    if (!this.#isDraining) return database
    return { ready: false, problems: ['the service is stopping', ...database.problems] }
  }

  /** What the database says, at most a second old. */
  database(): Promise<DatabaseReadiness> {
    const now = this.#clock.monotonic()
    if (!this.#answer || now - this.#answer.at >= FRESH_MS) {
      this.#answer = { at: now, value: this.#ask() }
    }
    return this.#answer.value
  }
}
