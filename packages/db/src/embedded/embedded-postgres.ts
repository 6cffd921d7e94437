import { spawn } from 'node:child_process'
import { open as openFile, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { findBinaries, type PostgresBinaries } from './binaries.ts'
import { initialise, lockWithPassword, OWNER, takesPasswords } from './cluster.ts'
import { isAlive, startFailure, stopServer } from './server-process.ts'

const START_TIMEOUT_MS = 60_000
const RESIDUE_TIMEOUT_MS = 10_000
const INVALID_PASSWORD = '28P01'
/**
 * A server process that was killed and that nobody has waited for yet, or processes of its that have not noticed yet. In
 * PostgreSQL's own words, which are English in a cluster without a locale.
 */
const RESIDUE = /lock file "postmaster.pid" already exists|pre-existing shared memory block/

/** Options of {@link startEmbeddedPostgres}. */
export interface EmbeddedPostgresOptions {
  /** folder of the cluster; made and initialised when it is not one yet */
  readonly dataDir: string
  /** TCP port on 127.0.0.1; 0 or absent: a free one */
  readonly port?: number
  /** database to make and connect to (default `posthorn`) */
  readonly database?: string
  /** npm package (or alias) that brings the server, for tests on several major versions */
  readonly packageName?: string
  /** more `name=value` settings of the server */
  readonly settings?: Readonly<Record<string, string>>
  /**
   * Password of the owner (`scram-sha-256`), in force from this start on whatever the cluster had before. Absent: every
   * local user of the machine is let in, which is for tests alone.
   */
  readonly password?: string
  /** Ends a start that is under way: it rejects with the signal's reason, and no process is left. */
  readonly signal?: AbortSignal
}

/** A PostgreSQL server of our own on loopback. */
export interface EmbeddedPostgres {
  /** connection string to the database, as the owner, with the password */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** true: it was still running from an earlier run that was killed, and was taken over */
  readonly adopted: boolean
  /** Whether the server process is still there. */
  isRunning(): boolean
  /** Fast shutdown: ends open sessions, keeps everything committed. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL from npm on a data directory, or takes over the one that still runs there because the process that
 * started it was killed. `fsync` and `synchronous_commit` stay on: what is committed survives a crash of the machine.
 *
 * @throws PosthornError `database_start_failed` with the server's own last words; the reason of `signal` when aborted
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, password, signal, database = 'posthorn' } = options
  const binaries = await findBinaries(options.packageName)
  await initialise(binaries, dataDir, signal)
  const running = await adopt(options)
  const server = running ?? (await whenResidueIsGone(() => open(binaries, options), signal))
  const urlOf = (name: string) =>
    `postgres://${OWNER}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@127.0.0.1:${server.port}/${name}`
  try {
    await ensureDatabase(urlOf('postgres'), database)
    signal?.throwIfAborted()
  } catch (error) {
    await stopServer(server.pid)
    throw error
  }
  return {
    ...server,
    url: urlOf(database),
    adopted: running !== undefined,
    isRunning: () => isAlive(server.pid),
    stop: () => stopServer(server.pid),
  }
}

/** Tries again as long as what is left of a server that was killed is in the way; that ends by itself within moments. */
async function whenResidueIsGone<T>(start: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (const deadline = Date.now() + RESIDUE_TIMEOUT_MS; ; await wait(100)) {
    signal?.throwIfAborted()
    try {
      return await start()
    } catch (error) {
      if (Date.now() > deadline || !RESIDUE.test(String(error))) throw error
    }
  }
}

async function open(binaries: PostgresBinaries, options: EmbeddedPostgresOptions): Promise<RunningServer> {
  const { dataDir, password, signal } = options
  if (password !== undefined) await lockWithPassword(binaries, dataDir, password, signal)
  return launch(binaries, options)
}

interface RunningServer {
  readonly pid: number
  readonly port: number
}

/**
 * The server that still runs here, when it has started. One that is just stopping is waited for; one that lets in whom it
 * should not, or not us, is stopped.
 */
async function adopt(options: EmbeddedPostgresOptions): Promise<RunningServer | undefined> {
  const { dataDir, password, signal } = options
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await wait(25)) {
    signal?.throwIfAborted()
    const { pid, port, status } = await readPidFile(dataDir)
    // Below zero: the single-user mode of a start that was killed; it ends by itself.
    if (!(pid > 0) || !port || !isAlive(pid)) return undefined
    if (status === 'stopping') continue
    const answer = await ask(port, password)
    if (answer === 'nothing' && status === 'starting') continue
    // Another program may have the number of a server that is long gone; PostgreSQL itself finds that out.
    if (answer === 'nothing') return undefined
    const isLocked = password === undefined || (await takesPasswords(dataDir))
    if (answer === 'welcome' && isLocked) return { pid, port }
    await stopServer(pid)
  }
  return undefined
}

/** `postmaster.pid`: the process, its port, and whether it is `starting`, `ready` or `stopping`, each on its line. */
async function readPidFile(dataDir: string): Promise<RunningServer & { status: string }> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  return { pid: Number(lines[0]), port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' }
}

async function launch(binaries: PostgresBinaries, options: EmbeddedPostgresOptions): Promise<RunningServer> {
  const port = options.port || (await freePort())
  const log = await openFile(join(options.dataDir, 'server.log'), 'a')
  if (binaries.runAs) await log.chown(binaries.runAs.uid, binaries.runAs.gid)
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // Detached: a Ctrl-C in the terminal must not stop the database before its clients have finished.
  const child = spawn(binaries.postgres, ['-D', options.dataDir, '-p', String(port), ...flags], {
    ...binaries.runAs,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  })
  child.unref()
  await log.close()
  const pid = child.pid
  const exited = new Promise<'exited'>((done) => {
    child.once('exit', () => done('exited'))
    child.once('error', () => done('exited'))
  })
  const started = await Promise.race([exited, waitUntilReady(port, options)])
  if (started !== true || pid === undefined) {
    if (pid !== undefined) await stopServer(pid)
    options.signal?.throwIfAborted()
    throw startFailure(await lastWords(options.dataDir))
  }
  return { pid, port }
}

async function waitUntilReady(port: number, { password, signal }: EmbeddedPostgresOptions): Promise<boolean> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await wait(25)) {
    if (signal?.aborted) return false
    if ((await ask(port, password)) === 'welcome') return true
  }
  return false
}

async function ask(port: number, password: string | undefined): Promise<'welcome' | 'refused' | 'nothing'> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: OWNER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return 'welcome'
  } catch (error) {
    return (error as { code?: unknown }).code === INVALID_PASSWORD ? 'refused' : 'nothing'
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  // A connection that is cut between two statements fails the next one; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rows.length === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

/** A port of loopback that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

async function lastWords(dataDir: string): Promise<string> {
  const log = await readFile(join(dataDir, 'server.log'), 'utf8').catch(() => '')
  return log.trim().split('\n').slice(-5).join('\n') || 'no answer'
}

/** Removes a stopped cluster for good. */
export async function removeCluster(dataDir: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true })
}
