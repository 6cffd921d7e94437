import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { PosthornError } from '@posthorn/core'
import pg from 'pg'
import { findBinaries, type PostgresBinaries } from './binaries.ts'

const START_TIMEOUT_MS = 60_000
const USER = 'posthorn'

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
}

/** A PostgreSQL server of our own on loopback. */
export interface EmbeddedPostgres {
  /** connection string to the database, as the owner */
  readonly url: string
  readonly pid: number
  /** true: it was still running from an earlier run that was killed, and was taken over */
  readonly adopted: boolean
  /** Fast shutdown: ends open sessions, keeps everything committed. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL from npm on a data directory, or takes over the one that still runs there because the process that
 * started it was killed. `fsync` and `synchronous_commit` stay on: what is committed survives a crash of the machine.
 *
 * @throws PosthornError `database_start_failed` with the server's own last words
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const database = options.database ?? 'posthorn'
  const binaries = await findBinaries(options.packageName)
  await initialise(binaries, options.dataDir)
  const running = await runningServer(options.dataDir)
  const server = running ?? (await launch(binaries, options))
  const urlOf = (name: string) => `postgres://${USER}@127.0.0.1:${server.port}/${name}`
  await ensureDatabase(urlOf('postgres'), database)
  return {
    url: urlOf(database),
    pid: server.pid,
    adopted: running !== undefined,
    stop: () => stopServer(server.pid),
  }
}

async function initialise(binaries: PostgresBinaries, dataDir: string): Promise<void> {
  if (await readable(join(dataDir, 'PG_VERSION'))) return
  // Made apart and renamed when whole: a first start that is killed half-way leaves nothing that looks like a cluster.
  const unfinished = `${dataDir}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true, mode: 0o700 })
  if (binaries.runAs) await chown(unfinished, binaries.runAs.uid, binaries.runAs.gid)
  const child = spawn(
    binaries.initdb,
    ['-D', unfinished, '-U', USER, '--auth=trust', '--encoding=UTF8', '--no-locale'],
    { ...binaries.runAs, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const failed = await collectFailure(child)
  if (failed !== undefined) throw startFailure(`initdb failed: ${failed}`)
  await rename(unfinished, dataDir)
}

interface RunningServer {
  readonly pid: number
  readonly port: number
}

async function runningServer(dataDir: string): Promise<RunningServer | undefined> {
  const lines = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  if (!pid || !port || !isAlive(pid)) return undefined
  return (await answers(port)) ? { pid, port } : undefined
}

async function launch(binaries: PostgresBinaries, options: EmbeddedPostgresOptions): Promise<RunningServer> {
  const port = options.port || (await freePort())
  const log = await open(join(options.dataDir, 'server.log'), 'a')
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
  const started = await Promise.race([exited, waitUntilReady(port)])
  if (started !== true || pid === undefined) {
    if (pid !== undefined) await stopServer(pid)
    throw startFailure(await lastWords(options.dataDir))
  }
  return { pid, port }
}

async function waitUntilReady(port: number): Promise<boolean> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await wait(25)) {
    if (await answers(port)) return true
  }
  return false
}

async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: USER,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rows.length === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return
  process.kill(pid, 'SIGINT')
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await wait(20)) {
    if (!isAlive(pid)) return
  }
  throw new PosthornError('database_stop_failed', 'The embedded PostgreSQL did not stop within a minute.')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !isZombie(pid)
}

/** A dead process that nobody has waited for still takes signals; containers without an init keep such ones. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, ''))
  } catch {
    return false
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

async function collectFailure(child: ChildProcess): Promise<string | undefined> {
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  const code = await new Promise<number | null>((done) => {
    child.once('error', () => done(null))
    child.once('close', done)
  })
  return code === 0 ? undefined : words.trim() || `exit code ${code}`
}

async function lastWords(dataDir: string): Promise<string> {
  const log = await readFile(join(dataDir, 'server.log'), 'utf8').catch(() => '')
  return log.trim().split('\n').slice(-5).join('\n') || 'no answer'
}

const startFailure = (words: string) =>
  new PosthornError('database_start_failed', `The embedded PostgreSQL did not start: ${words}`)

const readable = (path: string) =>
  readFile(path).then(
    () => true,
    () => false,
  )

/** Removes a stopped cluster for good. */
export async function removeCluster(dataDir: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true })
}
