import { randomBytes } from 'node:crypto'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@posthorn/db/embedded'
import type pino from 'pino'
import { type DataDirectory, readOrMakeSecret } from './data-directory.ts'
import { keepRunning } from './server-keeper.ts'

/** The PostgreSQL of `posthorn dev`. */
export interface DevDatabase {
  /** connection string with the password */
  readonly url: string
  /** it was still running from a run that was killed */
  readonly adopted: boolean
  /** From now on it is started again, on the same port, whenever it ends by itself. */
  keepRunning(logger: pino.Logger): void
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL of a data directory, with a password that is made the first time and kept there.
 *
 * @param clusterPath where its data lies
 * @throws what `startEmbeddedPostgres` throws; the reason of `signal` when aborted
 */
export async function startDatabase(
  directory: DataDirectory,
  clusterPath: string,
  signal: AbortSignal,
): Promise<DevDatabase> {
  const { text: password } = await readOrMakeSecret(directory.databasePasswordFile, newPassword)
  const options = { dataDir: clusterPath, password }
  const server = await startEmbeddedPostgres({ ...options, signal })
  const { url, adopted, port } = server
  let kept: { stop(): Promise<void> } = server
  return {
    url,
    adopted,
    keepRunning: (logger) => {
      kept = keepRunning<EmbeddedPostgres>(server, {
        start: (stopping) => startEmbeddedPostgres({ ...options, port, signal: stopping }),
        events: {
          ended: () => logger.warn('PostgreSQL has ended by itself; it is started again'),
          startFailed: (err, nextTryMs) =>
            logger.error({ err, nextTryMs }, `PostgreSQL did not start; the next try is in ${nextTryMs} ms`),
          started: () => logger.warn('PostgreSQL runs again'),
        },
      })
    },
    stop: () => kept.stop(),
  }
}

const newPassword = (): string => randomBytes(24).toString('hex')
