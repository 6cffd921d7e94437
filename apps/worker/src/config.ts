import {
  type Environment,
  parseConfig,
  retentionSettings,
  serviceSettings,
  value,
  webhookSettings,
} from '@posthorn/engine/config'
import { z } from 'zod'

/** The environment of the service. Durations are milliseconds, sizes bytes. */
export const workerConfigSchema = z.object({
  ...serviceSettings,
  ...webhookSettings,
  ...retentionSettings,
  /** where `/livez`, `/readyz` and `/metrics` are */
  HOST: z.string().default('127.0.0.1'),
  PORT: value.wholeNumber(0, 65_535).default(8_081),
  /** deliveries in flight at once in this process */
  QUEUE_CONCURRENCY: value.wholeNumber(1, 10_000).default(512),
})

/** The configuration of the service, parsed. */
export type WorkerConfig = z.output<typeof workerConfigSchema>

/**
 * Reads the configuration out of an environment. Variables it does not know are left to others.
 *
 * @throws ValidationError with every mistake at once, each under the name of its variable; no value is repeated in it
 */
export function parseWorkerConfig(env: Environment = process.env): WorkerConfig {
  return parseConfig(workerConfigSchema, env)
}
