import type { ValidationIssue } from '@posthorn/core'

/** What happens with a new event when the spool is full. */
export type DropPolicy = 'drop-oldest' | 'drop-newest'

/** Bounds of the spool. An event beyond them is dropped and counted, or moved to `failed/`. */
export interface SpoolLimits {
  /** Events that wait, and likewise events in `failed/`. Default 1 000. */
  maxEvents: number
  /** Bytes of all waiting events together, and likewise of those in `failed/`. Default 256 MiB. */
  maxBytes: number
  /** Age at which a waiting event moves to `failed/`. Default 7 days. */
  maxAgeMs: number
  /** Age at which an event in `failed/` is dropped. Default 30 days. */
  failedMaxAgeMs: number
  dropPolicy: DropPolicy
}

/** What is captured, and what is taken out of it before anything touches the disk. */
export interface FilterSettings {
  /** Names of events that are captured; `*` stands for any characters. Default `['*']`. */
  include: readonly string[]
  /** Names of events that are not, in the same form. Default none. */
  exclude: readonly string[]
  /** Fields whose values are taken out, such as `tool_response` or `tool_input.*.content`. Default none. */
  redact: readonly string[]
  /** Regular expressions of further secrets in texts. Default none. */
  redactPatterns: readonly RegExp[]
  /** Largest body in bytes; a larger one is cut, with a marker that says how much. Default 1 MiB. */
  maxEventBytes: number
}

/** The settings of the hook client, after validation: a value that was wrong is its default. */
export interface HookConfig {
  /** The whole URL that events are posted to; undefined when missing or wrong: then nothing is sent. */
  url: string | undefined
  /** `phk_…`; undefined when missing. Kept in memory only. */
  apiKey: string | undefined
  /** For one try. Default 5 000. */
  timeoutMs: number
  /** False: nothing is captured and nothing is sent. Default true. */
  enabled: boolean
  /** Writes `webhook-debug.log`. Default false. */
  debug: boolean
  /** False: failures of capturing are shown by `status` as well as logged. Never the exit code. Default true. */
  failSilently: boolean
  /** The name of events whose document has none. */
  event: string | undefined
  spoolDir: string
  logDir: string
  /** Where events go when `spoolDir` cannot be written: in the user's state directory. */
  fallbackSpoolDir: string
  /** Where the key that events are sealed with may lie: in the user's state directory, never in a project. */
  sealDirs: readonly string[]
  /** Tries a send makes, {@link quickRetryDelayMs} apart, before the event waits. Default 3. */
  quickTries: number
  /** Default 1 000. */
  quickRetryDelayMs: number
  /** Time for capture's own work, waiting for its input apart. Default 250. */
  budgetMs: number
  limits: SpoolLimits
  filter: FilterSettings
}

/** Name of a setting in {@link LoadedConfig.origins}. */
export type SettingName =
  | Exclude<keyof HookConfig, 'limits' | 'filter' | 'fallbackSpoolDir' | 'sealDirs'>
  | keyof SpoolLimits
  | keyof FilterSettings

/** The settings, every mistake in them, and where each one came from. */
export interface LoadedConfig {
  config: HookConfig
  /** Every mistake at once; `path` is the variable's name or the file's field. Values are not repeated. */
  issues: ValidationIssue[]
  /** `POSTHORN_HOOK_URL`, `CLAUDE_HOOK_API_URL`, or the file's path; a setting that is not here is its default. */
  origins: Partial<Record<SettingName, string>>
  /** The configuration file that was read, or would be. */
  file: { path: string; exists: boolean }
}

/** What the settings are read from. */
export interface ConfigSource {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  homeDir: string
  platform: NodeJS.Platform
  /** The text of a file; undefined when there is none. */
  readFile(path: string): string | undefined
  /** Whether a directory exists. */
  isDirectory(path: string): boolean
  /** Whether what lies there, if anything, is a link or belongs to another user. */
  isForeign(path: string): boolean
}
