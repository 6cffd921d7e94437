import { z } from 'zod'
import * as value from './values.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const DAYS = [1, 3_650] as const

/** Variables that hold secrets: `<NAME>_FILE` may name a file instead, and they are shown redacted. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'DIRECT_URL',
  'POSTHORN_BOOTSTRAP_KEY',
  'POSTHORN_ENCRYPTION_KEYS',
])

/** What every service reads: the database, the keys, the log, and how long it may take to stop. */
export const serviceSettings = {
  DATABASE_URL: value.postgresUrl,
  /** the same database without a pooler, for migrations; given, it also says that `DATABASE_URL` is a pooler */
  DIRECT_URL: value.postgresUrl.optional(),
  POSTHORN_ENCRYPTION_KEYS: value.encryptionKeys,
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  /** a folder for a log file beside standard output */
  POSTHORN_LOG_DIR: z.string().optional(),
  SHUTDOWN_GRACE: value.milliseconds(1, 600_000).default(30_000),
}

/** What an endpoint gets that says nothing itself, and where webhooks may go. Durations are milliseconds, sizes bytes. */
export const webhookSettings = {
  POSTHORN_ALLOWED_CIDRS: value.networks.default([]),
  WEBHOOK_RESPONSE_LIMIT: value.byteCount(0, 1_048_576).default(4_096),
  WEBHOOK_CONNECT_TIMEOUT: value.milliseconds(50, 60_000).default(5_000),
  WEBHOOK_DELIVERY_TIMEOUT: value.milliseconds(100, 300_000).default(30_000),
  CIRCUIT_BREAKER_ENABLED: value.flag.default(true),
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: value.wholeNumber(1, 10_000).default(5),
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT: value.milliseconds(1, 86_400_000).default(60_000),
  CIRCUIT_BREAKER_SUCCESS_THRESHOLD: value.wholeNumber(1, 1_000).default(3),
}

/** How long things are kept, in days. */
export const retentionSettings = {
  EVENT_RETENTION_DAYS: value.wholeNumber(...DAYS, 'days').default(30),
  ATTEMPT_RETENTION_DAYS: value.wholeNumber(...DAYS, 'days').default(30),
  DEAD_LETTER_RETENTION_DAYS: value.wholeNumber(...DAYS, 'days').default(90),
  WEBHOOK_METRICS_RETENTION_DAYS: value.wholeNumber(...DAYS, 'days').default(90),
}

/** What {@link serviceSettings} and {@link webhookSettings} are when parsed. */
export type SharedConfig = z.output<z.ZodObject<typeof serviceSettings & typeof webhookSettings>>

/** What {@link serviceSettings} are when parsed. */
export type ServiceConfig = z.output<z.ZodObject<typeof serviceSettings>>
