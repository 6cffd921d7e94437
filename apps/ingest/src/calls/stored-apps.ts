import { type Clock, systemClock } from '@posthorn/core'
import type { CallableEndpoint, ManifestRepository, CallableApp as StoredApp } from '@posthorn/db'
import {
  type AppDirectory,
  type CallableApp,
  type CallableCapability,
  type CallDefaults,
  type Manifest,
  parseManifest,
} from '@posthorn/delegator'
import { createNetworkPolicy } from '@posthorn/dispatcher'
import { LAST_RESORT_MS, orElse } from '../last-resort/last-resort.ts'

/** What was read is used so long without a look, milliseconds; then it is read again beside the call that uses it. */
const FRESH_MS = 1_000
/** Nothing older answers while the database does. */
const STALE_MS = 2_000
const MAX_APPS = 1_000

interface Known {
  readonly app: CallableApp
  /** what the app was made of: the same again is the same object, and nothing is compiled anew */
  readonly version: number | null
  readonly manifest: Manifest
  readonly print: string
  readonly readAt: number
}

export interface StoredAppsOptions {
  readonly manifests: Pick<ManifestRepository, 'callable'>
  readonly defaults: CallDefaults
  readonly clock?: Pick<Clock, 'monotonic'>
}

/** It was checked when it was put, and addresses are checked again when a connection is made. */
const permissive = createNetworkPolicy({ allowedCidrs: ['0.0.0.0/0', '::/0'] })

/** Apps and their manifests as the database has them, at most two seconds ago. */
export class StoredApps implements AppDirectory {
  readonly #options: StoredAppsOptions
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #known = new Map<string, Known>()
  readonly #reading = new Map<string, Promise<CallableApp | undefined>>()
  /** rises when something was changed here: what is being read then may be from before */
  #changes = 0

  constructor(options: StoredAppsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  find(appId: string): CallableApp | undefined | Promise<CallableApp | undefined> {
    const known = this.#known.get(appId)
    if (known === undefined) return this.read(appId)
    const age = this.#clock.monotonic() - known.readAt
    if (age < FRESH_MS) return known.app
    const reading = this.read(appId)
    if (age >= STALE_MS) return age < LAST_RESORT_MS ? orElse(reading, known.app) : reading
    // Whoever comes next and finds it too old waits for a look of its own.
    reading.catch(() => undefined)
    return known.app
  }

  /** The app as the database has it now; one look for all who ask at the same time. */
  read(appId: string): Promise<CallableApp | undefined> {
    const present = this.#reading.get(appId)
    if (present) return present
    const reading = this.#read(appId).finally(() => {
      if (this.#reading.get(appId) === reading) this.#reading.delete(appId)
    })
    this.#reading.set(appId, reading)
    return reading
  }

  /** Something of the app was changed here: whatever is read from now on is read anew. */
  forget(appId: string): void {
    const known = this.#known.get(appId)
    this.#changes += 1
    this.#reading.delete(appId)
    if (known) this.#known.set(appId, { ...known, readAt: Number.NEGATIVE_INFINITY })
  }

  async #read(appId: string): Promise<CallableApp | undefined> {
    const changes = this.#changes
    const readAt = this.#clock.monotonic()
    const stored = await this.#options.manifests.callable(appId)
    const known = this.#known.get(appId)
    if (stored === undefined) {
      this.#known.delete(appId)
      return undefined
    }
    const print = JSON.stringify([stored.manifest?.version, stored.secrets, stored.endpoints])
    const next =
      known?.print === print ? { ...known, readAt } : { ...this.#make(stored, known), print, readAt }
    if (changes === this.#changes) this.#keep(appId, next)
    return next.app
  }

  #make(stored: StoredApp, known: Known | undefined): Omit<Known, 'print' | 'readAt'> {
    const version = stored.manifest?.version ?? null
    const manifest =
      known?.version === version ? known.manifest : this.#parse(stored.manifest?.manifest ?? { webhooks: {} })
    return { app: this.#appOf(stored, manifest), version, manifest }
  }

  /** @throws Error for a manifest that was right once and is no more */
  #parse(written: unknown): Manifest {
    const parsed = parseManifest(written, { defaults: this.#options.defaults, networkPolicy: permissive })
    if (parsed.ok) return parsed.value
    const places = parsed.error.map(({ path, message }) => `${path} ${message}`)
    throw new Error(`the stored manifest cannot be used: ${places.join('; ')}`)
  }

  #appOf({ appId, secrets, endpoints }: StoredApp, manifest: Manifest): CallableApp {
    // Without a secret nothing can be signed: such an app offers nothing yet.
    const callable = secrets.length === 0 ? [] : endpoints
    const capabilities = callable.flatMap((endpoint): CallableCapability[] => {
      const written =
        endpoint.origin === 'manifest'
          ? manifest.capabilities.find(({ name }) => name === endpoint.capability)
          : this.#ofEndpoint(endpoint)
      return written ? [{ ...written, endpointId: endpoint.id }] : []
    })
    return {
      id: appId,
      secret: secrets,
      capabilities: new Map(capabilities.map((each) => [each.name, each])),
    }
  }

  /** An endpoint made through the API says where, and how long at most; everything else is the operator's default. */
  #ofEndpoint({ capability: name, url, timeoutMs }: CallableEndpoint) {
    const [capability] = this.#parse({ webhooks: { [name]: url } }).capabilities
    return (
      capability && { ...capability, timeoutMs: Math.max(1_000, Math.min(capability.timeoutMs, timeoutMs)) }
    )
  }

  #keep(appId: string, known: Known): void {
    this.#known.delete(appId)
    this.#known.set(appId, known)
    if (this.#known.size <= MAX_APPS) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}
