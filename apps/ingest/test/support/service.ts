import type { KeyRole } from '@posthorn/db'
import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createPosthorn, type Posthorn, type PosthornOptions } from '@posthorn/engine'
import type { FastifyBaseLogger } from 'fastify'
import { createIngest, type IngestApp, type IngestOptions } from '../../src/app.ts'

/** A service on a database of its own, listening on a port of its own. */
export interface TestService extends AsyncDisposable {
  readonly database: TestDatabase
  readonly posthorn: Posthorn
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
  readonly config?: Partial<IngestOptions['config']>
}

export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = await createTestDatabase()
  const posthorn = createPosthorn({
    connectionString: database.url,
    encryptionKeys: generateEncryptionKey(),
    allowedCidrs: ['127.0.0.0/8'],
    ...options.engine,
  })
  const { engine: _, config, ...rest } = options
  const app = await createIngest({
    ...rest,
    posthorn,
    pool: database.pool,
    config: { WEBHOOK_BODY_LIMIT: 1_048_576, TRUST_PROXY: [], ...config },
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const stop = async () => {
    await app.close()
    await posthorn.stop({ graceMs: 1_000 })
    await database.drop()
  }
  return {
    database,
    posthorn,
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
