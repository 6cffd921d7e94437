import { REDACTED, redactUrl, ValidationError, type ValidationIssue } from '@posthorn/core'
import { z } from 'zod'
import { type Environment, readVariables } from './config/environment.ts'
import * as value from './config/values.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Variables that hold secrets: `<NAME>_FILE` may name a file instead, and they are shown redacted. */
const SECRETS: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'DIRECT_URL',
  'POSTHORN_BOOTSTRAP_KEY',
  'POSTHORN_ENCRYPTION_KEYS',
])

/** The environment of the service. Durations are milliseconds, sizes bytes. */
export const ingestConfigSchema = z.object({
  DATABASE_URL: value.postgresUrl,
  /** the same database without a pooler, for migrations; given, it also says that `DATABASE_URL` is a pooler */
  DIRECT_URL: value.postgresUrl.optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: value.wholeNumber(0, 65_535).default(8_080),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  /** a folder for a log file beside standard output */
  POSTHORN_LOG_DIR: z.string().optional(),
  POSTHORN_BOOTSTRAP_KEY: value.apiKey.optional(),
  POSTHORN_ENCRYPTION_KEYS: value.encryptionKeys,
  POSTHORN_ALLOWED_CIDRS: value.networks.default([]),
  /** proxies whose `x-forwarded-for` is believed; none: the address of the socket is the caller's */
  TRUST_PROXY: value.proxies.default([]),
  WEBHOOK_BODY_LIMIT: value.byteCount(1_024, 64 * 1_048_576).default(1_048_576),
  WEBHOOK_RESPONSE_LIMIT: value.byteCount(0, 1_048_576).default(4_096),
  WEBHOOK_CONNECT_TIMEOUT: value.milliseconds(50, 60_000).default(5_000),
  WEBHOOK_DELIVERY_TIMEOUT: value.milliseconds(100, 300_000).default(30_000),
  CIRCUIT_BREAKER_ENABLED: value.flag.default(true),
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: value.wholeNumber(1, 10_000).default(5),
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT: value.milliseconds(1, 86_400_000).default(60_000),
  CIRCUIT_BREAKER_SUCCESS_THRESHOLD: value.wholeNumber(1, 1_000).default(3),
  SHUTDOWN_GRACE: value.milliseconds(1, 600_000).default(30_000),
})

/** The configuration of the service, parsed. */
export type IngestConfig = z.output<typeof ingestConfigSchema>

/**
 * Reads the configuration out of an environment. Variables it does not know are left to others.
 *
 * @throws ValidationError with every mistake at once, each under the name of its variable; no value is repeated in it
 */
export function parseIngestConfig(env: Environment = process.env): IngestConfig {
  const issues: ValidationIssue[] = []
  const variables = readVariables(env, Object.keys(ingestConfigSchema.shape), SECRETS, issues)
  const parsed = ingestConfigSchema.safeParse(variables)
  const reported = new Set(issues.map((issue) => issue.path.replace(/_FILE$/, '')))
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '')
    if (reported.has(name)) continue
    const isMissing = variables[name] === undefined
    issues.push({ path: name, message: isMissing ? 'is missing' : issue.message })
  }
  if (parsed.success && issues.length === 0) return parsed.data
  throw new ValidationError(issues)
}

/** The configuration as it may be shown: secrets taken out, connection strings without credentials. */
export function redactedConfig(config: IngestConfig): Record<string, unknown> {
  const entries = Object.entries(config).map(([name, given]) => [name, redacted(name, given)])
  return Object.fromEntries(entries)
}

function redacted(name: string, given: unknown): unknown {
  if (!SECRETS.has(name) || given === undefined) return given
  return name.endsWith('_URL') ? redactUrl(String(given)) : REDACTED
}
