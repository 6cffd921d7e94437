import { NotFoundError, uuidv7 } from '@posthorn/core'
import { desc, eq, inArray, sql } from 'drizzle-orm'
import type pg from 'pg'
import { PostgresCircuitStore } from '../circuits/postgres-circuit-store.ts'
import { database, inTransaction } from '../database.ts'
import type { EndpointSecret } from '../endpoints/endpoint.ts'
import { urlColumns } from '../endpoints/endpoint-repository.ts'
import { newSecret, sealSecrets } from '../endpoints/secrets.ts'
import type { Keyring } from '../keyring.ts'
import { apps, endpoints, manifests } from '../schema/index.ts'
import { appSecrets, lockApp, lockManifestEndpoints, sealAppSecrets } from './app-secrets.ts'
import { type CallableApp, readCallable } from './callable-app.ts'
import type { CapabilitySettings, NewManifest, StoredManifest } from './manifest.ts'

const columns = {
  version: manifests.version,
  manifest: manifests.manifest,
  healthUrl: manifests.healthUrl,
  createdAt: manifests.createdAt,
  createdBy: manifests.createdBy,
}

/** What an endpoint gets that nobody has set otherwise. */
const MAX_CONCURRENCY = 16

/** What apps can be asked, and the endpoints that come of it. */
export class ManifestRepository {
  readonly #pool: pg.Pool
  readonly #keyring: Keyring
  readonly #circuits: PostgresCircuitStore

  constructor(pool: pg.Pool, keyring: Keyring) {
    this.#pool = pool
    this.#keyring = keyring
    this.#circuits = new PostgresCircuitStore(pool)
  }

  /**
   * Puts a manifest in the place of the one in force, all of it or nothing; one after the other for an app. A capability
   * that stays keeps its endpoint, and with the same URL its circuit; with another URL the circuit begins anew. One that
   * is left out loses its endpoint. Endpoints sign with the secrets of the app, which are made here if it has none yet.
   *
   * @throws NotFoundError when there is no such app
   */
  async replace(appId: string, manifest: NewManifest): Promise<StoredManifest> {
    return inTransaction(this.#pool, async (client) => {
      const secrets = await this.#secretsOf(client, appId)
      const stored = await addVersion(client, appId, manifest)
      const present = await lockManifestEndpoints(client, appId)
      const moved: string[] = []
      for (const { id, capability, url } of present) {
        const settings = manifest.capabilities.find(({ name }) => name === capability)
        if (settings === undefined) continue
        await changeEndpoint(client, id, settings)
        if (settings.url !== url) moved.push(id)
      }
      const names = new Set(present.map(({ capability }) => capability))
      await this.#insertEndpoints(
        client,
        appId,
        secrets,
        manifest.capabilities.filter(({ name }) => !names.has(name)),
      )
      const kept = new Set<string | null>(manifest.capabilities.map(({ name }) => name))
      await removeEndpoints(
        client,
        present.filter(({ capability }) => !kept.has(capability)).map(({ id }) => id),
      )
      if (moved.length > 0) {
        await this.#circuits.applyWithin(
          client,
          moved.map((key) => ({ key, events: [{ type: 'reset' }] })),
        )
      }
      return stored
    })
  }

  /** The manifest in force; undefined for an app without one, or none. */
  async current(appId: string): Promise<StoredManifest | undefined> {
    const [row] = await database(this.#pool)
      .select(columns)
      .from(manifests)
      .where(eq(manifests.appId, appId))
      .orderBy(desc(manifests.version))
      .limit(1)
    return row
  }

  /** Everything that calls of an app need, in one round trip; undefined when there is no such app. */
  callable(appId: string): Promise<CallableApp | undefined> {
    return readCallable(this.#pool, this.#keyring, appId)
  }

  async #secretsOf(client: pg.ClientBase, appId: string): Promise<EndpointSecret[]> {
    const app = await lockApp(client, appId)
    if (app === undefined) throw new NotFoundError('There is no such app.')
    const present = appSecrets(this.#keyring, app)
    if (present.length > 0) return present
    const made = [newSecret()]
    await database(client)
      .update(apps)
      .set({ secrets: sealAppSecrets(this.#keyring, appId, made), updatedAt: sql`clock_timestamp()` })
      .where(eq(apps.id, appId))
    return made
  }

  async #insertEndpoints(
    client: pg.ClientBase,
    appId: string,
    secrets: readonly EndpointSecret[],
    capabilities: readonly CapabilitySettings[],
  ): Promise<void> {
    if (capabilities.length === 0) return
    const rows = capabilities.map((settings) => {
      const id = uuidv7()
      return {
        ...columnsOf(settings),
        id,
        appId,
        origin: 'manifest' as const,
        capability: settings.name,
        secrets: sealSecrets(this.#keyring, 'endpoint', id, secrets),
        maxConcurrency: MAX_CONCURRENCY,
      }
    })
    await database(client).insert(endpoints).values(rows)
  }
}

async function addVersion(
  client: pg.ClientBase,
  appId: string,
  { manifest, healthUrl, createdBy }: NewManifest,
): Promise<StoredManifest> {
  const next = sql`(select coalesce(max(${manifests.version}), 0) + 1 from ${manifests} where ${manifests.appId} = ${appId})`
  const [stored] = await database(client)
    .insert(manifests)
    .values({ appId, version: next, manifest, healthUrl, createdBy })
    .returning(columns)
  return stored as StoredManifest
}

const columnsOf = ({ url, timeoutMs, connectTimeoutMs, retry, circuit }: CapabilitySettings) => ({
  ...urlColumns(url),
  timeoutMs,
  connectTimeoutMs,
  retry,
  circuit,
})

/** One that had been taken out of service is in service again: its app says so. */
async function changeEndpoint(
  client: pg.ClientBase,
  id: string,
  settings: CapabilitySettings,
): Promise<void> {
  await database(client)
    .update(endpoints)
    .set({ ...columnsOf(settings), enabled: true, disabledReason: null, updatedAt: sql`clock_timestamp()` })
    .where(eq(endpoints.id, id))
}

async function removeEndpoints(client: pg.ClientBase, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await database(client)
    .update(endpoints)
    .set({ enabled: false, deletedAt: sql`now()`, updatedAt: sql`clock_timestamp()` })
    .where(inArray(endpoints.id, [...ids]))
}
