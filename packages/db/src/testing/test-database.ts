import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate } from '../migrations/migrate.ts'
import { startTestServer } from './test-server.ts'

/** A database of its own for one test file, dropped when it is done. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly pool: pg.Pool
  drop(): Promise<void>
}

/**
 * Makes an empty or migrated database on the shared test server (started for the whole run by {@link globalSetup}), or
 * on one started for this call where there is none.
 */
export async function createTestDatabase(
  options: { migrated?: boolean; max?: number } = {},
): Promise<TestDatabase> {
  const major = process.env['POSTHORN_TEST_POSTGRES'] ?? '18'
  const shared = process.env[serverVariable(major)]
  const own = shared ? undefined : await startTestServer()
  const serverUrl = shared ?? own?.url ?? ''
  const name = newName()
  const migrated = options.migrated ?? true
  const template = migrated ? process.env[templateVariable(major)] : undefined
  await onServer(serverUrl, `create database ${name}${template ? ` template ${template}` : ''}`)
  const url = withDatabase(serverUrl, name)
  if (migrated && !template) await migrate(url)
  const pool = new pg.Pool({ connectionString: url, max: options.max ?? 10 })
  // A server that is stopped on purpose ends idle connections; that is not the test's failure.
  pool.on('error', () => undefined)
  const drop = async () => {
    await pool.end()
    // Connections that are just closing are waited for: the server ending them would reach whoever has let go of them.
    await onServer(serverUrl, `drop database if exists ${name}`).catch(() =>
      onServer(serverUrl, `drop database if exists ${name} with (force)`),
    )
    await own?.stop()
  }
  return { url, pool, drop, [Symbol.asyncDispose]: drop }
}

function withDatabase(url: string, name: string): string {
  const target = new URL(url)
  target.pathname = `/${name}`
  return target.href
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/**
 * For a test runner's global set-up: one server for the whole run, found through the environment by every worker, and on
 * it a migrated database that those of the tests are copied from: a copy costs a tenth of the migrations.
 */
export async function globalSetup(major: 14 | 18 = 18): Promise<() => Promise<void>> {
  const server = await startTestServer(major)
  const template = newName()
  await onServer(server.url, `create database ${template}`)
  await migrate(withDatabase(server.url, template))
  process.env[serverVariable(String(major))] = server.url
  process.env[templateVariable(String(major))] = template
  return async () => {
    await onServer(server.url, `drop database if exists ${template}`)
    await server.stop()
  }
}

const newName = () => `test_${randomBytes(6).toString('hex')}`
const serverVariable = (major: string) => `POSTHORN_TEST_SERVER_URL_${major}`
const templateVariable = (major: string) => `POSTHORN_TEST_TEMPLATE_${major}`
