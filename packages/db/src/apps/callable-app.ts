import type pg from 'pg'
import { secretsInForce } from '../endpoints/secrets.ts'
import type { Keyring } from '../keyring.ts'
import { appSecrets } from './app-secrets.ts'
import type { StoredManifest } from './manifest.ts'

/** An endpoint that can be called by the name of a capability. Durations are milliseconds. */
export interface CallableEndpoint {
  readonly id: string
  readonly capability: string
  readonly url: string
  readonly origin: 'api' | 'manifest'
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
}

/** An app as its calls need it, secrets opened. Never leaves the process. */
export interface CallableApp {
  readonly appId: string
  readonly name: string
  /** those in force, newest first; none when the app never had a manifest and was not made with one */
  readonly secrets: string[]
  /** the one in force */
  readonly manifest: StoredManifest | undefined
  /** one for each name */
  readonly endpoints: CallableEndpoint[]
}

interface Row {
  name: string
  secrets: Buffer | null
  version: number | null
  manifest: unknown
  health_url: string | null
  created_at: Date
  created_by: string | null
  endpoints: CallableEndpoint[]
}

/**
 * An app with its manifest and what can be called of it. Of several endpoints of one name the manifest's is meant, else
 * the one that was made last. One that was made through the API must be in service; a manifest's is as long as it is in it.
 */
export async function readCallable(
  pool: pg.Pool,
  keyring: Keyring,
  appId: string,
): Promise<CallableApp | undefined> {
  const { rows } = await pool.query<Row>(
    `select a.name, a.secrets, m.version, m.manifest, m.health_url, m.created_at, m.created_by,
            array(select json_build_object('id', e.id, 'capability', e.capability, 'url', e.url, 'origin', e.origin,
                         'timeoutMs', e.timeout_ms, 'connectTimeoutMs', e.connect_timeout_ms)
                    from (select distinct on (capability) * from posthorn.endpoints
                           where app_id = a.id and capability is not null and deleted_at is null
                             and (origin = 'manifest' or origin = 'api' and enabled)
                           order by capability, origin = 'manifest' desc, id desc) e) as endpoints
       from posthorn.apps a
       left join lateral (
         select * from posthorn.manifests where app_id = a.id order by version desc limit 1) m on true
      where a.id = $1 and a.deleted_at is null`,
    [appId],
  )
  const [row] = rows
  if (row === undefined) return undefined
  const secrets = secretsInForce(appSecrets(keyring, { id: appId, secrets: row.secrets }))
  return {
    appId,
    name: row.name,
    secrets: secrets.map(({ secret }) => secret),
    manifest: row.version === null ? undefined : toManifest(row, row.version),
    endpoints: row.endpoints,
  }
}

const toManifest = (row: Row, version: number): StoredManifest => ({
  version,
  manifest: row.manifest,
  healthUrl: row.health_url,
  createdAt: row.created_at,
  createdBy: row.created_by,
})
