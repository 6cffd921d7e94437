import { NotFoundError, uuidv7 } from '@posthorn/core'
import type { Endpoint, EndpointRepository } from '@posthorn/db'
import { generateSecret } from '@posthorn/dispatcher/signing'
import { idOrNotFound } from '../ids.ts'
import { assertKeysFit } from '../readiness.ts'
import type { EndpointDefaults } from './settings.ts'
import { parseEndpoint } from './settings.ts'

const CACHE_SIZE = 10_000
const FRESH_MS = 60_000

interface Cached {
  readonly endpoint: Promise<Endpoint>
  readonly until: number
  /** once it is known */
  id?: string
}

/**
 * The endpoints of `enqueue`. Of a URL there is one for each app, made the first time. Written over the engine's own small
 * pool and committed at once: nothing that a caller's open transaction may hold is shared with others, and a caller at
 * REPEATABLE READ need not see the row.
 */
export class EnqueueEndpoints {
  readonly #repository: EndpointRepository
  readonly #defaults: EndpointDefaults
  readonly #cache = new Map<string, Cached>()
  #keysFit: Promise<void> | undefined

  constructor(repository: EndpointRepository, defaults: EndpointDefaults) {
    this.#repository = repository
    this.#defaults = defaults
  }

  /** @throws NotFoundError when the app has no such endpoint */
  async byId(appId: string, id: string): Promise<Endpoint> {
    const endpoint = await this.#repository.get(appId, idOrNotFound('ep', id))
    if (!endpoint) throw new NotFoundError('There is no such endpoint.')
    return endpoint
  }

  /**
   * @throws ValidationError when the URL may not be sent to; PosthornError `secret_unreadable` when the database belongs to
   *   other encryption keys: no worker there could open what would be sealed here
   */
  async byUrl(appId: string, url: string): Promise<Endpoint> {
    const settings = parseEndpoint({ url, eventTypes: [] }, this.#defaults)
    const key = `${appId} ${settings.url}`
    const cached = this.#cache.get(key)
    if (cached && cached.until > performance.now()) return cached.endpoint
    const endpoint = this.#assertKeysFit().then(() =>
      this.#repository.findOrInsertByUrl({
        ...settings,
        id: uuidv7(),
        appId,
        origin: 'enqueue',
        secrets: [{ secret: generateSecret('v1').secret }],
      }),
    )
    this.#remember(key, endpoint)
    return endpoint
  }

  /** An endpoint was removed: the next `enqueue` of its URL makes a new one. */
  forget(endpointId: string): void {
    for (const [key, { id }] of this.#cache) if (id === endpointId) this.#cache.delete(key)
  }

  /** Asked once: keys of a process do not change. */
  async #assertKeysFit(): Promise<void> {
    this.#keysFit ??= assertKeysFit(this.#repository)
    try {
      await this.#keysFit
    } catch (error) {
      this.#keysFit = undefined
      throw error
    }
  }

  #remember(key: string, endpoint: Promise<Endpoint>): void {
    const cached: Cached = { endpoint, until: performance.now() + FRESH_MS }
    this.#cache.delete(key)
    this.#cache.set(key, cached)
    endpoint.then(
      ({ id }) => {
        cached.id = id
      },
      () => this.#cache.delete(key),
    )
    if (this.#cache.size > CACHE_SIZE) {
      const [oldest] = this.#cache.keys()
      if (oldest !== undefined) this.#cache.delete(oldest)
    }
  }
}
