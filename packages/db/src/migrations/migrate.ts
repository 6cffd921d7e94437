import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PosthornError, sleep } from '@posthorn/core'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as runDrizzleMigrations } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { ensurePartitions } from '../partitions.ts'

const migrationsFolder = fileURLToPath(new URL('../migrations', packageRelative(import.meta.url)))
const MIGRATION_LOCK = 7_246_310_421
const OLDEST_SERVER = 140_000
/** Whoever waits for a lock on a table makes everybody behind it wait too: better to let go and ask again. */
const LOCK_TIMEOUT_MS = 1_000
const LOCK_TRIES = 30
const LOCK_PAUSE_MS = 500

/** Both `src/migrations/` and the bundled `dist/` must find the folder beside them. */
function packageRelative(moduleUrl: string): string {
  return moduleUrl.includes('/src/migrations/') ? new URL('..', moduleUrl).href : moduleUrl
}

interface JournalEntry {
  readonly tag: string
  readonly when: number
}

async function journal(): Promise<JournalEntry[]> {
  const text = await readFile(`${migrationsFolder}/meta/_journal.json`, 'utf8')
  return (JSON.parse(text) as { entries: JournalEntry[] }).entries
}

/** What {@link migrate} did. */
export interface MigrationReport {
  /** names of the migrations applied now, oldest first */
  readonly applied: string[]
  /** names of the partitions made now */
  readonly partitions: string[]
}

/**
 * Brings the database to this version's schema: forward only, under an advisory lock, so that any number of processes
 * may call it at once. Also makes the partitions of the coming week. Give a direct connection where a pooler stands in front.
 *
 * @throws PosthornError `unsupported_server` for PostgreSQL older than 14, `schema_too_new` when a newer Posthorn has migrated it
 */
export async function migrate(connection: string | pg.ClientConfig): Promise<MigrationReport> {
  const client = new pg.Client(typeof connection === 'string' ? { connectionString: connection } : connection)
  // A connection that is cut between two statements fails the next one; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await assertServer(client)
    // Drizzle's own migrator takes no lock: two starting processes would run the same statements.
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    const before = await appliedCount(client)
    const known = await journal()
    if (before > known.length) {
      throw new PosthornError('schema_too_new', 'The database was migrated by a newer version of Posthorn.')
    }
    await applyMigrations(client)
    const partitions = await ensurePartitions(client)
    return { applied: known.slice(before).map((entry) => entry.tag), partitions }
  } finally {
    await client.end()
  }
}

/** Applies what is missing in one transaction; one that had to wait for somebody's transaction for too long goes again. */
async function applyMigrations(client: pg.Client): Promise<void> {
  await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`)
  for (let tries = 1; ; tries += 1) {
    try {
      await runDrizzleMigrations(drizzle(client), {
        migrationsFolder,
        migrationsSchema: 'posthorn',
        migrationsTable: 'migrations',
      })
      break
    } catch (error) {
      if (tries === LOCK_TRIES || !isLockTimeout(error)) throw error
      await sleep(LOCK_PAUSE_MS)
    }
  }
  await client.query('reset lock_timeout')
}

/** Drizzle wraps what PostgreSQL says. */
const isLockTimeout = (error: unknown): boolean =>
  [error, (error as { cause?: unknown } | null)?.cause].some(
    (each) => (each as { code?: unknown } | null)?.code === '55P03',
  )

/** Names of migrations that this version knows and the database does not have; empty when it is up to date. */
export async function pendingMigrations(db: pg.Pool | pg.ClientBase): Promise<string[]> {
  const known = await journal()
  return known.slice(await appliedCount(db)).map((entry) => entry.tag)
}

async function appliedCount(db: pg.Pool | pg.ClientBase): Promise<number> {
  const table = await db.query<{ exists: boolean }>(
    `select to_regclass('posthorn.migrations') is not null as exists`,
  )
  if (!table.rows[0]?.exists) return 0
  const { rows } = await db.query<{ n: number }>('select count(*)::int as n from posthorn.migrations')
  return rows[0]?.n ?? 0
}

async function assertServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  )
  if ((rows[0]?.version ?? 0) < OLDEST_SERVER) {
    throw new PosthornError('unsupported_server', 'Posthorn needs PostgreSQL 14 or later.')
  }
}
