import { ConflictError, uuidv7 } from '@posthorn/core'
import { and, eq, isNull, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database, inTransaction } from '../database.ts'
import { newSecret, rotatedSecrets } from '../endpoints/secrets.ts'
import type { Keyring } from '../keyring.ts'
import { byId, type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { apps, DEFAULT_APP_ID, endpoints } from '../schema/index.ts'
import { appSecrets, giveSecretsToManifest, lockApp, sealAppSecrets } from './app-secrets.ts'

/** A tenant: never its secrets. */
export interface App {
  readonly id: string
  readonly name: string
  /** e-mail addresses of its owners */
  readonly contacts: string[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = {
  id: apps.id,
  name: apps.name,
  contacts: apps.contacts,
  createdAt: apps.createdAt,
  updatedAt: apps.updatedAt,
}
const live = isNull(apps.deletedAt)
const touched = { updatedAt: sql`clock_timestamp()` }

/** Apps, with their secrets sealed in the database. */
export class AppRepository {
  readonly #pool: pg.Pool
  readonly #keyring: Keyring

  constructor(pool: pg.Pool, keyring: Keyring) {
    this.#pool = pool
    this.#keyring = keyring
  }

  /** Makes an app with its secret `whsec_…`, which is told here and by {@link rotateSecret} only. */
  async create({ name, contacts }: { name: string; contacts: readonly string[] }): Promise<{
    app: App
    secret: string
  }> {
    const id = uuidv7()
    const made = newSecret()
    const [app] = await database(this.#pool)
      .insert(apps)
      .values({ id, name, contacts: [...contacts], secrets: sealAppSecrets(this.#keyring, id, [made]) })
      .returning(columns)
    return { app: app as App, secret: made.secret }
  }

  async get(id: string): Promise<App | undefined> {
    const [app] = await database(this.#pool)
      .select(columns)
      .from(apps)
      .where(and(eq(apps.id, id), live))
    return app
  }

  async list(request: PageRequest): Promise<Page<App>> {
    const position = parsePage(request)
    const { beyond, order } = byId(apps.id, position)
    const rows = await database(this.#pool)
      .select(columns)
      .from(apps)
      .where(and(live, beyond))
      .orderBy(order)
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /** Changes what is given. */
  async update(
    id: string,
    { name, contacts }: { name?: string | undefined; contacts?: readonly string[] | undefined },
  ): Promise<App | undefined> {
    const [app] = await database(this.#pool)
      .update(apps)
      .set({
        ...(name !== undefined && { name }),
        ...(contacts !== undefined && { contacts: [...contacts] }),
        ...touched,
      })
      .where(and(eq(apps.id, id), live))
      .returning(columns)
    return app
  }

  /**
   * Takes an app out of service, and its endpoints with it: their live deliveries are cancelled by the worker's sweep, and
   * its keys open nothing any more.
   *
   * @returns whether there was such an app
   * @throws ConflictError for the app that is meant where none is named
   */
  async remove(id: string): Promise<boolean> {
    if (id === DEFAULT_APP_ID) throw new ConflictError('The default app cannot be deleted.')
    return inTransaction(this.#pool, async (client) => {
      if ((await lockApp(client, id)) === undefined) return false
      const db = database(client)
      await db
        .update(apps)
        .set({ deletedAt: sql`now()`, ...touched })
        .where(eq(apps.id, id))
      await db
        .update(endpoints)
        .set({ enabled: false, deletedAt: sql`now()`, ...touched })
        .where(and(eq(endpoints.appId, id), isNull(endpoints.deletedAt)))
      return true
    })
  }

  /**
   * Makes a new secret; those before it sign beside it for `graceMs`. The endpoints of the app's manifest get the same in
   * the same transaction.
   *
   * @returns undefined when there is no such app
   */
  async rotateSecret(id: string, graceMs: number): Promise<{ secret: string } | undefined> {
    return inTransaction(this.#pool, async (client) => {
      const app = await lockApp(client, id)
      if (app === undefined) return undefined
      const secrets = rotatedSecrets(newSecret(), appSecrets(this.#keyring, app), graceMs)
      await database(client)
        .update(apps)
        .set({ secrets: sealAppSecrets(this.#keyring, id, secrets), ...touched })
        .where(eq(apps.id, id))
      await giveSecretsToManifest(client, this.#keyring, id, secrets)
      return { secret: secrets[0]?.secret ?? '' }
    })
  }
}
