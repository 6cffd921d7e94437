import type { Endpoint, EndpointRepository } from '@posthorn/db'
import { createSigner, type Signer } from '@posthorn/dispatcher/signing'

/** An endpoint ready to send to. */
export interface Target {
  readonly endpoint: Endpoint
  readonly signer: Signer
}

interface Entry extends Target {
  /** when a secret that is being rotated out stops signing, epoch milliseconds */
  readonly staleAt: number
}

const CACHE_SIZE = 10_000

/** Endpoints with their keys parsed, kept until their row changes. */
export class EndpointCache {
  readonly #repository: EndpointRepository
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()

  constructor(repository: EndpointRepository, now: () => number) {
    this.#repository = repository
    this.#now = now
  }

  /**
   * @param wanted id of each endpoint with the version that its row has now
   * @returns those that could be opened; one whose secrets cannot be read is reported to `onUnreadable`
   */
  async get(
    wanted: ReadonlyMap<string, string>,
    onUnreadable: (endpointId: string, error: unknown) => void,
  ): Promise<Map<string, Target>> {
    const missing = [...wanted].filter(([id, version]) => !this.#isFresh(id, version)).map(([id]) => id)
    if (missing.length > 0) await this.#load(missing, onUnreadable)
    const targets = new Map<string, Target>()
    for (const id of wanted.keys()) {
      const entry = this.#entries.get(id)
      if (entry) targets.set(id, entry)
    }
    return targets
  }

  #isFresh(id: string, version: string): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && entry.endpoint.version === version && entry.staleAt > this.#now()
  }

  async #load(ids: readonly string[], onUnreadable: (endpointId: string, error: unknown) => void): Promise<void> {
    for (const id of ids) this.#entries.delete(id)
    // One at a time where a batch cannot be opened, so that one unreadable secret stops one endpoint.
    const endpoints = await this.#repository.load(ids).catch(() => undefined)
    const each = endpoints ?? (await this.#loadOneByOne(ids, onUnreadable))
    for (const endpoint of each) this.#entries.set(endpoint.id, this.#prepare(endpoint))
    while (this.#entries.size > CACHE_SIZE) {
      const [oldest] = this.#entries.keys()
      if (oldest === undefined) break
      this.#entries.delete(oldest)
    }
  }

  async #loadOneByOne(ids: readonly string[], onUnreadable: (id: string, error: unknown) => void): Promise<Endpoint[]> {
    const loaded: Endpoint[] = []
    for (const id of ids) {
      try {
        loaded.push(...(await this.#repository.load([id])))
      } catch (error) {
        onUnreadable(id, error)
      }
    }
    return loaded
  }

  #prepare(endpoint: Endpoint): Entry {
    const now = this.#now()
    const expiries = endpoint.secrets.map(({ expiresAt }) => (expiresAt ? Date.parse(expiresAt) : Number.POSITIVE_INFINITY))
    const valid = endpoint.secrets.filter((_, at) => (expiries[at] ?? 0) > now)
    return {
      endpoint,
      signer: createSigner(valid.map(({ secret }) => secret)),
      staleAt: Math.min(...expiries.filter((expiry) => expiry > now)),
    }
  }
}
