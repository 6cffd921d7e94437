import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { generateEncryptionKey } from '@posthorn/db'
import { createPosthorn } from '@posthorn/engine'
import { posthornOptions } from '@posthorn/engine/config'
import {
  closeIngestPools,
  createIngest,
  type IngestApp,
  openIngestPools,
  parseIngestConfig,
} from '@posthorn/ingest'
import { createWorker, parseWorkerConfig } from '@posthorn/worker'
import { CommandError, EXIT } from '../terminal/exit-codes.ts'
import { placeCluster } from './cluster-place.ts'
import { type DataDirectory, makeDataDirectory, readOrMakeSecret, readSecret } from './data-directory.ts'
import { startDatabase } from './database.ts'
import { createDevLog } from './dev-log.ts'
import { checkListenable, listenError } from './listening.ts'
import { takeLock } from './lock.ts'
import { PRIVATE_NETWORKS } from './private-networks.ts'
import { removeState, runningDev, writeState } from './state.ts'

/** How `posthorn dev` is started. */
export interface DevOptions {
  readonly directory: DataDirectory
  readonly host: string
  readonly port: number
  readonly allowPrivateNetwork: boolean
  /** Ends a start that is under way. */
  readonly signal: AbortSignal
}

/** A server for development that runs. */
export interface DevServer {
  readonly url: string
  /** connection string with the password */
  readonly databaseUrl: string
  readonly adminKey: { readonly text: string; readonly isNew: boolean }
  /** its PostgreSQL was still running from a run that was killed */
  readonly adopted: boolean
  readonly cluster: { readonly path: string; readonly reason: string | undefined }
  readonly graceMs: number
  /** Ends everything in order: no more requests, deliveries under way, the database. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL, the HTTP service and a worker in this process. Whatever fails on the way, nothing is left running.
 *
 * @throws CommandError when another one runs on the same data directory, its key is gone, or the port is taken; the
 *   reason of `signal` when aborted
 */
export async function startDev(options: DevOptions): Promise<DevServer> {
  const { directory } = options
  await makeDataDirectory(directory)
  const undo: (() => Promise<unknown>)[] = []
  const stopAll = async () => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    const lock = await takeLock(directory.lockFile)
    if ('heldBy' in lock) throw await alreadyRuns(directory, lock.heldBy.pid)
    undo.push(() => lock.release())
    return await startOnLockedDirectory(options, undo, stopAll)
  } catch (error) {
    await stopAll().catch(() => undefined)
    throw error
  }
}

async function startOnLockedDirectory(
  options: DevOptions,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<DevServer> {
  const { directory, signal } = options
  // Before anything is made that takes seconds, and would be left for nothing.
  await checkListenable(options)
  const cluster = await placeCluster(directory.path)
  const encryptionKey = await readEncryptionKey(directory, cluster.path)
  const adminKey = await readOrMakeSecret(directory.adminKeyFile, newAdminKey)
  const database = await startDatabase(directory, cluster.path, signal)
  undo.push(() => database.stop())
  const env = environment(options, { databaseUrl: database.url, encryptionKey, adminKey: adminKey.text })
  const ingestConfig = parseIngestConfig(env)
  const workerConfig = parseWorkerConfig(env)
  const log = createDevLog(directory.logFile, ingestConfig.LOG_LEVEL)
  undo.push(async () => log.flush())
  database.keepRunning(log.logger)

  const posthorn = createPosthorn({ ...posthornOptions(workerConfig), logger: log.logger })
  undo.push(() => posthorn.stop({ graceMs: 0 }))
  await posthorn.migrate()
  await posthorn.keys.bootstrap(adminKey.text)
  signal.throwIfAborted()
  const pools = openIngestPools(ingestConfig)
  undo.push(() => closeIngestPools(pools))
  const worker = createWorker({ posthorn, config: workerConfig, logger: log.logger, http: false })
  undo.push(() => worker.stop())
  const app = await createIngest({
    posthorn,
    pools,
    config: ingestConfig,
    logger: log.logger,
    moreMetrics: [worker.metrics],
  })
  undo.push(async () => {
    app.drain()
    await app.close()
  })
  const url = await listen(app, options)
  await worker.start()
  await writeState(directory, {
    url,
    databaseUrl: database.url,
    allowPrivateNetwork: options.allowPrivateNetwork,
  })
  undo.push(() => removeState(directory))
  signal.throwIfAborted()
  const { SHUTDOWN_GRACE: graceMs } = workerConfig
  return { url, databaseUrl: database.url, adminKey, adopted: database.adopted, cluster, graceMs, stop }
}

/** Without its key the secrets in a database are lost: a new one beside an old database would only hide that. */
async function readEncryptionKey({ encryptionKeyFile }: DataDirectory, cluster: string): Promise<string> {
  const hasCluster = await stat(join(cluster, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  if (hasCluster && (await readSecret(encryptionKeyFile)) === undefined) {
    throw new CommandError(`The secrets in ${cluster} cannot be opened: ${encryptionKeyFile} is missing.`, {
      hint: `Put the file back, or remove ${cluster} to begin anew.`,
    })
  }
  return (await readOrMakeSecret(encryptionKeyFile, generateEncryptionKey)).text
}

const newAdminKey = (): string => `phk_${randomBytes(16).toString('hex')}_${randomBytes(24).toString('hex')}`

/** The environment of both services: what was typed and made here wins over what the shell has. */
function environment(
  { host, port, allowPrivateNetwork }: DevOptions,
  made: { databaseUrl: string; encryptionKey: string; adminKey: string },
): Record<string, string | undefined> {
  const networks = [process.env['POSTHORN_ALLOWED_CIDRS'], ...(allowPrivateNetwork ? PRIVATE_NETWORKS : [])]
  return {
    ...process.env,
    DATABASE_URL: made.databaseUrl,
    DATABASE_URL_FILE: undefined,
    DIRECT_URL: undefined,
    DIRECT_URL_FILE: undefined,
    POSTHORN_ENCRYPTION_KEYS: made.encryptionKey,
    POSTHORN_ENCRYPTION_KEYS_FILE: undefined,
    POSTHORN_BOOTSTRAP_KEY: made.adminKey,
    POSTHORN_BOOTSTRAP_KEY_FILE: undefined,
    POSTHORN_ALLOWED_CIDRS: networks.filter(Boolean).join(','),
    HOST: host,
    PORT: String(port),
  }
}

async function listen(app: IngestApp, { host, port }: DevOptions): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw listenError(error, { host, port })
  }
  const address = app.server.address()
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  const actual = typeof address === 'object' && address ? address.port : port
  return `http://${name.includes(':') ? `[${name}]` : name}:${actual}`
}

async function alreadyRuns(directory: DataDirectory, pid: number): Promise<CommandError> {
  const running = await runningDev(directory.path)
  const where = running ? ` at ${running.url}` : ''
  return new CommandError(`posthorn dev already runs on ${directory.path}: process ${pid}${where}.`, {
    exitCode: EXIT.failure,
    hint: 'Stop it first, or give this one another --data-dir.',
  })
}
