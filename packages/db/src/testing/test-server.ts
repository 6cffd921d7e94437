import { access, chmod, constants, mkdtemp, rm, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts'

/** A PostgreSQL server that tests may make databases on. */
export interface TestServer {
  /** connection string with the right to create databases */
  readonly url: string
  readonly kind: 'DATABASE_URL' | 'docker' | 'embedded'
  stop(): Promise<void>
}

/**
 * Finds a server for tests, in this order: `DATABASE_URL`; Docker, where an engine answers; embedded PostgreSQL. The code
 * under test never knows which. `major` asks for an older embedded server instead, whatever the machine has.
 */
export async function startTestServer(major: 14 | 18 = 18): Promise<TestServer> {
  const given = process.env['DATABASE_URL']
  if (major === 18 && given) return { url: given, kind: 'DATABASE_URL', stop: async () => undefined }
  if (major === 18 && (await dockerAnswers())) return startContainer()
  return startEmbedded(major)
}

function dockerAnswers(): Promise<boolean> {
  const socket = connect(process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock')
  return new Promise((done) => {
    socket.once('connect', () => done(true)).once('error', () => done(false))
  }).then((answers) => {
    socket.destroy()
    return answers === true
  })
}

async function startContainer(): Promise<TestServer> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const container = await new PostgreSqlContainer('postgres:18').start()
  return {
    url: container.getConnectionUri(),
    kind: 'docker',
    stop: async () => {
      await container.stop()
    },
  }
}

async function startEmbedded(major: 14 | 18): Promise<TestServer> {
  const folder = await mkdtemp(join(await quickFolder(), 'posthorn-test-'))
  // initdb runs as another user when tests run as root, and must be able to enter the folder.
  await chmod(folder, 0o777)
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'cluster'),
    packageName: major === 18 ? 'embedded-postgres' : `embedded-postgres-${major}`,
    // A little of the disk, or of the memory: what tests write is soon dropped.
    settings: { max_wal_size: '512MB' },
  })
  return {
    url: server.url,
    kind: 'embedded',
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const SHARED_MEMORY = '/dev/shm'
const ENOUGH_BYTES = 4 * 2 ** 30

/**
 * The machine's memory, where it can be had as a folder and is plenty. A database is 400 files: on ext4, which looks
 * for numbers of files that were not freed within the last minutes, making one costs six times as much as soon as others
 * have been dropped. Every setting of the server is the same, `fsync` too; no test can cut the power.
 */
async function quickFolder(): Promise<string> {
  if (process.platform !== 'linux' || process.availableMemory() < ENOUGH_BYTES) return tmpdir()
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY)
    await access(SHARED_MEMORY, constants.W_OK)
    return bavail * bsize < ENOUGH_BYTES ? tmpdir() : SHARED_MEMORY
  } catch {
    return tmpdir()
  }
}
