import {
  type Environment,
  parseConfig,
  type ServiceConfig,
  type SharedConfig,
  serviceSettings,
  webhookSettings,
} from '@posthorn/engine/config'
import { z } from 'zod'
import { readSecret } from '../dev/data-directory.ts'
import { PRIVATE_NETWORKS } from '../dev/private-networks.ts'
import { runningDev } from '../dev/state.ts'
import { usageError } from '../terminal/exit-codes.ts'

const schema = z.object({ ...serviceSettings, ...webhookSettings })
const { DATABASE_URL, DIRECT_URL } = serviceSettings
const databaseSchema = z.object({ DATABASE_URL, DIRECT_URL })

/**
 * The configuration for a command that works on the database itself: that of the environment where `DATABASE_URL` is
 * set, else that of the `posthorn dev` that runs on a data directory.
 *
 * @throws CommandError when there is neither
 */
export async function libraryConfig(dataDir: string, env: Environment = process.env): Promise<SharedConfig> {
  if (namesDatabase(env)) return parseConfig(schema, env)
  const dev = await runningDev(dataDir)
  const key = dev && (await readSecret(dev.directory.encryptionKeyFile))
  if (!dev || key === undefined) throw noDatabase(dataDir)
  return parseConfig(schema, {
    ...env,
    DIRECT_URL: undefined,
    DIRECT_URL_FILE: undefined,
    DATABASE_URL: dev.databaseUrl,
    POSTHORN_ENCRYPTION_KEYS: key,
    POSTHORN_ENCRYPTION_KEYS_FILE: undefined,
    ...(dev.allowPrivateNetwork && { POSTHORN_ALLOWED_CIDRS: PRIVATE_NETWORKS.join(',') }),
  })
}

/**
 * As {@link libraryConfig}, for a command that needs the database and no key.
 *
 * @throws CommandError when there is neither
 */
export async function databaseConfig(
  dataDir: string,
  env: Environment = process.env,
): Promise<Pick<ServiceConfig, 'DATABASE_URL' | 'DIRECT_URL'>> {
  if (namesDatabase(env)) return parseConfig(databaseSchema, env)
  const dev = await runningDev(dataDir)
  if (!dev) throw noDatabase(dataDir)
  return { DATABASE_URL: dev.databaseUrl }
}

const namesDatabase = (env: Environment): boolean => Boolean(env['DATABASE_URL'] || env['DATABASE_URL_FILE'])

const noDatabase = (dataDir: string) =>
  usageError(
    'There is no database to work on.',
    `Set DATABASE_URL, or start "posthorn dev" (none runs on ${dataDir}), or name the folder of one that runs with --data-dir.`,
  )
