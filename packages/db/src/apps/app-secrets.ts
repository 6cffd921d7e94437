import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import type { EndpointSecret } from '../endpoints/endpoint.ts'
import { openSecrets, sealSecrets } from '../endpoints/secrets.ts'
import type { Keyring } from '../keyring.ts'
import { apps, endpoints } from '../schema/index.ts'

/** An app's row as far as its secrets need it. */
interface SealedApp {
  readonly id: string
  readonly secrets: Buffer | null
}

/** The app, locked until the transaction ends; undefined when there is none. Whatever changes an app begins here. */
export async function lockApp(client: pg.ClientBase, id: string): Promise<SealedApp | undefined> {
  const [app] = await database(client)
    .select({ id: apps.id, secrets: apps.secrets })
    .from(apps)
    .where(and(eq(apps.id, id), isNull(apps.deletedAt)))
    .for('update')
  return app
}

export const sealAppSecrets = (keyring: Keyring, id: string, secrets: readonly EndpointSecret[]): Buffer =>
  sealSecrets(keyring, 'app', id, secrets)

/** Newest first; none for an app that never needed any. */
export const appSecrets = (keyring: Keyring, { id, secrets }: SealedApp): EndpointSecret[] =>
  secrets === null ? [] : openSecrets(keyring, 'app', id, secrets)

/** Endpoints of a manifest, locked in the order of their ids. */
export async function lockManifestEndpoints(
  client: pg.ClientBase,
  appId: string,
): Promise<{ id: string; capability: string | null; url: string }[]> {
  return database(client)
    .select({ id: endpoints.id, capability: endpoints.capability, url: endpoints.url })
    .from(endpoints)
    .where(and(eq(endpoints.appId, appId), eq(endpoints.origin, 'manifest'), isNull(endpoints.deletedAt)))
    .orderBy(asc(endpoints.id))
    .for('update')
}

/** Gives the endpoints of an app's manifest the secrets of the app; workers notice by the time of the change. */
export async function giveSecretsToManifest(
  client: pg.ClientBase,
  keyring: Keyring,
  appId: string,
  secrets: readonly EndpointSecret[],
): Promise<void> {
  for (const { id } of await lockManifestEndpoints(client, appId)) {
    await database(client)
      .update(endpoints)
      .set({ secrets: sealSecrets(keyring, 'endpoint', id, secrets), updatedAt: sql`clock_timestamp()` })
      .where(eq(endpoints.id, id))
  }
}
