import type { KeyRole } from '@posthorn/db'
import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createPosthorn, type Posthorn, type PosthornOptions } from '@posthorn/engine'
import type { FastifyBaseLogger } from 'fastify'
import { createIngest, type IngestApp, type IngestOptions } from '../../src/app.ts'
import { type IngestConfig, parseIngestConfig } from '../../src/config.ts'
import { closeIngestPools, openIngestPools } from '../../src/pools.ts'

/** A service on a database of its own, listening on a port of its own. */
export interface TestService extends AsyncDisposable {
  readonly database: TestDatabase
  readonly posthorn: Posthorn
  /** what another service on the same database is made of */
  readonly parts: Pick<IngestOptions, 'posthorn' | 'pools' | 'config'>
  readonly app: IngestApp
  readonly url: string
  /** the text of a key of the platform, or of an app */
  key(role: KeyRole, appId?: string): Promise<string>
  stop(): Promise<void>
}

export interface TestServiceOptions
  extends Pick<IngestOptions, 'maxOpenPerApp' | 'stream' | 'maxProjecting' | 'showStacks'> {
  readonly logger?: FastifyBaseLogger
  readonly engine?: Partial<PosthornOptions>
  readonly config?: Partial<Pick<IngestConfig, 'TRUST_PROXY' | 'WEBHOOK_BODY_LIMIT'>>
  /** what is configured as in an environment */
  readonly env?: Readonly<Record<string, string>>
}

export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = await createTestDatabase()
  const { engine, config: given, env, ...rest } = options
  const parsed = parseIngestConfig({
    DATABASE_URL: database.url,
    POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
    POSTHORN_ALLOWED_CIDRS: '127.0.0.0/8',
    ...env,
  })
  const config = { ...parsed, ...given }
  const posthorn = createPosthorn({
    connectionString: database.url,
    encryptionKeys: config.POSTHORN_ENCRYPTION_KEYS,
    allowedCidrs: config.POSTHORN_ALLOWED_CIDRS,
    ...engine,
  })
  const pools = openIngestPools(config)
  const parts = { posthorn, pools, config }
  const app = await createIngest({ ...rest, ...parts })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const stop = async () => {
    await app.close()
    await posthorn.stop({ graceMs: 1_000 })
    await closeIngestPools(pools)
    await database.drop()
  }
  return {
    database,
    posthorn,
    parts,
    app,
    url,
    key: async (role, appId) =>
      (await posthorn.keys.create({ name: `a ${role}`, role, appId: appId ?? null })).key,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** A second tenant. */
export async function makeApp(database: TestDatabase, id: string): Promise<string> {
  await database.pool.query(`insert into posthorn.apps (id, name) values ($1, 'another')`, [id])
  return id
}
