import { PosthornError } from '@posthorn/core'
import type { Endpoint, EndpointRepository, EndpointSecret } from '@posthorn/db'
import { type CallSigner, createCallSigner, createSigner, type Signer } from '@posthorn/dispatcher/signing'

/** An endpoint ready to send to. */
export interface Target {
  readonly endpoint: Endpoint
  readonly signer: Signer
  /** for the capability of a manifest: signs `x-platform-signature` */
  readonly callSigner?: CallSigner
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
    wanted: ReadonlyMap<string, number>,
    onUnreadable: (endpointId: string, error: unknown) => void,
  ): Promise<Map<string, Target>> {
    const targets = new Map<string, Target>()
    const missing: string[] = []
    for (const [id, version] of wanted) {
      const entry = this.#entries.get(id)
      if (entry && entry.endpoint.version === version && entry.staleAt > this.#now()) targets.set(id, entry)
      else missing.push(id)
    }
    if (missing.length > 0) {
      for (const entry of await this.#load(missing, onUnreadable)) targets.set(entry.endpoint.id, entry)
    }
    return targets
  }

  async #load(
    ids: readonly string[],
    onUnreadable: (endpointId: string, error: unknown) => void,
  ): Promise<Entry[]> {
    for (const id of ids) this.#entries.delete(id)
    // One at a time where a batch cannot be opened, so that one unreadable secret stops one endpoint.
    const endpoints = await this.#repository.load(ids).catch(unlessUnreadable)
    const entries = (endpoints ?? (await this.#loadOneByOne(ids, onUnreadable))).map((endpoint) =>
      this.#prepare(endpoint),
    )
    for (const entry of entries) this.#entries.set(entry.endpoint.id, entry)
    while (this.#entries.size > CACHE_SIZE) {
      const [oldest] = this.#entries.keys()
      if (oldest === undefined) break
      this.#entries.delete(oldest)
    }
    return entries
  }

  async #loadOneByOne(
    ids: readonly string[],
    onUnreadable: (id: string, error: unknown) => void,
  ): Promise<Endpoint[]> {
    const loaded: Endpoint[] = []
    for (const id of ids) {
      try {
        loaded.push(...(await this.#repository.load([id])))
      } catch (error) {
        unlessUnreadable(error)
        onUnreadable(id, error)
      }
    }
    return loaded
  }

  #prepare(endpoint: Endpoint): Entry {
    const inForce = secretsInForce(endpoint, this.#now())
    const secrets = inForce.map(({ secret }) => secret)
    return {
      endpoint,
      signer: createSigner(secrets),
      ...(endpoint.origin === 'manifest' && { callSigner: createCallSigner(secrets) }),
      staleAt: Math.min(...inForce.map(endOf)),
    }
  }
}

const endOf = ({ expiresAt }: EndpointSecret) =>
  expiresAt ? Date.parse(expiresAt) : Number.POSITIVE_INFINITY

/** The secrets that sign at a moment: the current one, and those that are being rotated out. */
export const secretsInForce = (endpoint: Endpoint, nowMs: number): EndpointSecret[] =>
  endpoint.secrets.filter((secret) => endOf(secret) > nowMs)

/** A database that does not answer says nothing about the secrets in it. */
function unlessUnreadable(error: unknown): undefined {
  if (!PosthornError.is(error) || error.code !== 'secret_unreadable') throw error
}
