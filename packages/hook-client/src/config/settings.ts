import type { HookConfig, SettingName } from './config.ts'
import {
  apiKey,
  flag,
  hookUrl,
  integer,
  olderUrl,
  oneOf,
  type Parser,
  patterns,
  text,
  texts,
} from './parsers.ts'

/** One setting: its name is also the configuration file's field. */
export interface Setting {
  name: SettingName
  /** The variable. */
  env: string
  parse: Parser<unknown>
  /** The variable of the older client. */
  older?: string
  /** When the older variable means something else. */
  parseOlder?: Parser<unknown>
}

const DAY_MS = 86_400_000
const MIB = 1_048_576

/** Defaults of everything that does not depend on the machine. */
export const DEFAULTS: Omit<HookConfig, 'spoolDir' | 'logDir' | 'fallbackSpoolDir' | 'sealDirs'> = {
  url: undefined,
  apiKey: undefined,
  timeoutMs: 5_000,
  enabled: true,
  debug: false,
  failSilently: true,
  event: undefined,
  quickTries: 3,
  quickRetryDelayMs: 1_000,
  budgetMs: 250,
  limits: {
    maxEvents: 1_000,
    maxBytes: 256 * MIB,
    maxAgeMs: 7 * DAY_MS,
    failedMaxAgeMs: 30 * DAY_MS,
    dropPolicy: 'drop-oldest',
  },
  filter: { include: ['*'], exclude: [], redact: [], redactPatterns: [], maxEventBytes: MIB },
}

const ms = (least: number, most: number) => integer(least, most, 'milliseconds')
const prefix = 'POSTHORN_HOOK_'
const olderPrefix = 'CLAUDE_HOOK_'

/** Every setting, in the order in which mistakes are reported. */
export const SETTINGS: readonly Setting[] = [
  {
    name: 'url',
    env: `${prefix}URL`,
    parse: hookUrl,
    older: `${olderPrefix}API_URL`,
    parseOlder: olderUrl,
  },
  { name: 'apiKey', env: `${prefix}API_KEY`, parse: apiKey, older: `${olderPrefix}API_KEY` },
  { name: 'timeoutMs', env: `${prefix}TIMEOUT`, parse: ms(100, 300_000), older: `${olderPrefix}TIMEOUT` },
  { name: 'enabled', env: `${prefix}ENABLED`, parse: flag, older: `${olderPrefix}ENABLED` },
  { name: 'debug', env: `${prefix}DEBUG`, parse: flag, older: `${olderPrefix}DEBUG` },
  {
    name: 'failSilently',
    env: `${prefix}FAIL_SILENTLY`,
    parse: flag,
    older: `${olderPrefix}FAIL_SILENTLY`,
  },
  { name: 'event', env: `${prefix}EVENT`, parse: text, older: `${olderPrefix}EVENT` },
  { name: 'spoolDir', env: `${prefix}SPOOL_DIR`, parse: text, older: `${olderPrefix}QUEUE_DIR` },
  { name: 'logDir', env: `${prefix}LOG_DIR`, parse: text, older: `${olderPrefix}LOG_DIR` },
  {
    name: 'quickTries',
    env: `${prefix}RETRY_ATTEMPTS`,
    parse: integer(1, 10, ''),
    older: `${olderPrefix}RETRY_ATTEMPTS`,
  },
  {
    name: 'quickRetryDelayMs',
    env: `${prefix}RETRY_DELAY`,
    parse: ms(0, 60_000),
    older: `${olderPrefix}RETRY_DELAY`,
  },
  { name: 'budgetMs', env: `${prefix}BUDGET`, parse: ms(10, 60_000) },
  { name: 'maxEvents', env: `${prefix}MAX_EVENTS`, parse: integer(1, 100_000, '') },
  { name: 'maxBytes', env: `${prefix}MAX_BYTES`, parse: integer(MIB, 1024 * 1024 * MIB, 'bytes') },
  { name: 'maxAgeMs', env: `${prefix}MAX_AGE`, parse: ms(60_000, 365 * DAY_MS) },
  { name: 'failedMaxAgeMs', env: `${prefix}FAILED_MAX_AGE`, parse: ms(60_000, 365 * DAY_MS) },
  { name: 'dropPolicy', env: `${prefix}DROP_POLICY`, parse: oneOf(['drop-oldest', 'drop-newest']) },
  { name: 'include', env: `${prefix}INCLUDE`, parse: texts },
  { name: 'exclude', env: `${prefix}EXCLUDE`, parse: texts },
  { name: 'redact', env: `${prefix}REDACT`, parse: texts },
  { name: 'redactPatterns', env: `${prefix}REDACT_PATTERN`, parse: patterns },
  { name: 'maxEventBytes', env: `${prefix}MAX_EVENT_BYTES`, parse: integer(4_096, 64 * MIB, 'bytes') },
]

/** Variables that are no setting of their own. */
export const KEY_FILE_VARIABLE = `${prefix}API_KEY_FILE`
export const CONFIG_FILE_VARIABLE = `${prefix}CONFIG`
/** A variable that begins so and is not known is a mistake in its name. */
export const VARIABLE_PREFIX: string = prefix
