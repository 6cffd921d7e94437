import {
  type Environment,
  parseConfig,
  serviceSettings,
  value,
  webhookSettings,
} from '@posthorn/engine/config'
import { z } from 'zod'
import { type CapabilityTimeouts, callSettings, delaysInOrder } from './calls/settings.ts'

/** The environment of the service, whose part about calls depends on the variables there are. */
function configSchema(env: Environment) {
  return z
    .object({
      ...serviceSettings,
      ...webhookSettings,
      HOST: z.string().default('127.0.0.1'),
      PORT: value.wholeNumber(0, 65_535).default(8_080),
      POSTHORN_BOOTSTRAP_KEY: value.apiKey.optional(),
      /** proxies whose `x-forwarded-for` is believed; none: the address of the socket is the caller's */
      TRUST_PROXY: value.proxies.default([]),
      WEBHOOK_BODY_LIMIT: value.byteCount(1_024, 64 * 1_048_576).default(1_048_576),
      ...callSettings(env),
    })
    .refine(delaysInOrder.check, delaysInOrder.params)
}

/** The configuration of the service, parsed. Durations are milliseconds, sizes bytes. */
export type IngestConfig = z.output<ReturnType<typeof configSchema>> & CapabilityTimeouts

/**
 * Reads the configuration out of an environment. Variables it does not know are left to others.
 *
 * @throws ValidationError with every mistake at once, each under the name of its variable; no value is repeated in it
 */
export function parseIngestConfig(env: Environment = process.env): IngestConfig {
  return parseConfig(configSchema(env), env)
}
