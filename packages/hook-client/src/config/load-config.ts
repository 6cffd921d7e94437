import { lstatSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { ValidationIssue } from '@posthorn/core'
import { readPlainFile } from '../plain-file.ts'
import { checksum } from '../spool/checksum.ts'
import type { ConfigSource, HookConfig, LoadedConfig, SettingName } from './config.ts'
import { didYouMean } from './did-you-mean.ts'
import { apiKey, type Parsed, text } from './parsers.ts'
import { baseDir, sealDirs, userConfigFile, userStateDir } from './places.ts'
import {
  CONFIG_FILE_VARIABLE,
  DEFAULTS,
  KEY_FILE_VARIABLE,
  SETTINGS,
  type Setting,
  VARIABLE_PREFIX,
} from './settings.ts'

/**
 * Reads the settings from the environment, the older client's variables and the configuration file, in
 * this order. Never throws: every mistake is in `issues`, and the value with the mistake is its default,
 * so that capturing goes on. There is no file in the project: a repository that somebody cloned must not
 * decide where events are sent to.
 *
 * Validated by hand and not by a schema library: capture reads its settings at every event, and loading
 * zod alone took 100 ms here, three times as long as a bare start of Node.
 */
export function loadConfig(overrides: Partial<ConfigSource> = {}): LoadedConfig {
  const source = { ...systemSource(), ...overrides }
  const reading: Reading = { source, values: {}, origins: {}, given: new Set(), issues: [] }
  const path = resolve(source.cwd, source.env[CONFIG_FILE_VARIABLE] || userConfigFile(source))
  const file = readConfigFile(path, reading)
  for (const setting of SETTINGS) readSetting(reading, setting, file.fields, path)
  readKeyFile(reading, file.fields, path)
  for (const name of Object.keys(source.env)) {
    if (name.startsWith(VARIABLE_PREFIX) && !VARIABLES.has(name)) {
      reading.issues.push({
        path: name,
        message: `is not a variable of the hook client${didYouMean(name, VARIABLES)}`,
      })
    }
  }
  const config = assemble(reading, source)
  // What is missing may stand in a file that cannot be read.
  if (!file.isBroken) addMissing(reading, config)
  const { issues, origins } = reading
  return { config, issues, origins, file: { path, exists: file.exists } }
}

/** What has been read so far. */
interface Reading {
  source: ConfigSource
  values: Partial<Record<SettingName, unknown>>
  origins: LoadedConfig['origins']
  /** Settings that are given, also when with a mistake. */
  given: Set<SettingName>
  issues: ValidationIssue[]
}

const VARIABLES: ReadonlySet<string> = new Set([
  ...SETTINGS.map(({ env }) => env),
  KEY_FILE_VARIABLE,
  CONFIG_FILE_VARIABLE,
])
const FIELDS: ReadonlySet<string> = new Set([...SETTINGS.map(({ name }) => name), 'apiKeyFile'])

/** Of settings, and of a key. */
const LARGEST_FILE_BYTES = 1024 * 1024

function systemSource(): ConfigSource {
  const { env, platform } = process
  const home = platform === 'win32' ? env['USERPROFILE'] : env['HOME']
  return {
    env,
    platform,
    cwd: workingDir(),
    homeDir: home || process.getBuiltinModule('node:os').homedir(),
    readFile: (path) => readPlainFile(path, LARGEST_FILE_BYTES, 'follow'),
    isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
    isForeign,
  }
}

function isForeign(path: string): boolean {
  try {
    const found = lstatSync(path)
    return found.isSymbolicLink() || found.uid !== (process.getuid?.() ?? found.uid)
  } catch {
    // Nothing is there, or nothing that could be written through either.
    return false
  }
}

/** A session's directory may have been removed while it runs. */
function workingDir(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}

/** Reads a setting from the strongest place where it is given. A variable that is set to nothing is not set. */
function readSetting(
  { source, values, origins, given, issues }: Reading,
  { name, env, older, parse, parseOlder }: Setting,
  fields: Readonly<Record<string, unknown>>,
  file: string,
): void {
  let where: string = name
  let parsed: Parsed<unknown> | undefined
  if (source.env[env]) {
    where = env
    parsed = parse(source.env[env])
  } else if (older !== undefined && source.env[older]) {
    where = older
    parsed = (parseOlder ?? parse)(source.env[older])
  } else if (Object.hasOwn(fields, name)) {
    parsed = parse(fields[name])
  }
  if (parsed === undefined) return
  given.add(name)
  if ('mistake' in parsed) {
    issues.push({ path: where, ...parsed.mistake })
  } else {
    values[name] = parsed.value
    origins[name] = where === name ? file : where
  }
}

function readConfigFile(
  path: string,
  { source, issues }: Reading,
): { exists: boolean; isBroken: boolean; fields: Readonly<Record<string, unknown>> } {
  let exists = false
  try {
    const content = source.readFile(path)
    if (content === undefined) return { exists, isBroken: false, fields: {} }
    exists = true
    const parsed: unknown = JSON.parse(content.replace(/^\ufeff/, ''))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new SyntaxError('no object')
    for (const field of Object.keys(parsed)) {
      if (!FIELDS.has(field)) {
        const message = `is not a setting${didYouMean(field, FIELDS)}`
        issues.push({ path: field, message, expected: [...FIELDS].join(', ') })
      }
    }
    return { exists, isBroken: false, fields: parsed as Readonly<Record<string, unknown>> }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || source.env[CONFIG_FILE_VARIABLE]) {
      const message = exists ? `is not JSON${placeIn((error as Error).message)}` : 'cannot be read'
      issues.push({ path, message, expected: 'a file with one JSON object' })
      return { exists, isBroken: true, fields: {} }
    }
    return { exists, isBroken: false, fields: {} }
  }
}

/** Where a document broke, as JSON.parse tells it. The rest of its message may repeat what the file holds. */
function placeIn(message: string): string {
  const [, place] = /\((line \d+ column \d+)\)$/.exec(message) ?? []
  return place === undefined ? '' : ` at ${place}`
}

/** The key from a file of its own, where no key is given itself. */
function readKeyFile(reading: Reading, fields: Readonly<Record<string, unknown>>, file: string): void {
  const { source, given, issues } = reading
  const where = source.env[KEY_FILE_VARIABLE] ? KEY_FILE_VARIABLE : 'apiKeyFile'
  const raw = source.env[KEY_FILE_VARIABLE] || fields['apiKeyFile']
  if (raw === undefined || given.has('apiKey')) return
  given.add('apiKey')
  const from = where === KEY_FILE_VARIABLE ? source.cwd : dirname(file)
  try {
    const path = text(raw)
    const parsed = 'mistake' in path ? path : apiKey(source.readFile(resolve(from, path.value)))
    if ('mistake' in parsed) {
      issues.push({ path: where, ...parsed.mistake })
    } else {
      reading.values.apiKey = parsed.value
      reading.origins.apiKey = where
    }
  } catch {
    issues.push({ path: where, message: 'cannot be read', expected: 'a file that holds the key' })
  }
}

function assemble({ values, issues }: Reading, source: ConfigSource): HookConfig {
  const { base, refused } = baseDir(source)
  if (refused !== undefined && (values.spoolDir === undefined || values.logDir === undefined)) {
    const message = `is a link or another user's: spool and logs are in ${base}`
    issues.push({ path: refused, message, expected: 'a folder of your own' })
  }
  const pick = <T extends object>(defaults: T): T => {
    const chosen = Object.keys(defaults).map((name) => [name, values[name as SettingName]])
    return { ...defaults, ...Object.fromEntries(chosen.filter(([, value]) => value !== undefined)) }
  }
  const { limits, filter, ...rest } = DEFAULTS
  const dirs = pick({ spoolDir: join(base, 'spool'), logDir: join(base, 'logs') })
  const spoolDir = absolute(source.cwd, dirs.spoolDir)
  return {
    ...pick(rest),
    spoolDir,
    logDir: absolute(source.cwd, dirs.logDir),
    // Of each spool its own, since another project's events may go to another server.
    fallbackSpoolDir: join(userStateDir(source), 'fallback', checksum(spoolDir)),
    sealDirs: sealDirs(source),
    limits: pick(limits),
    filter: pick(filter),
  }
}

function absolute(cwd: string, path: string): string {
  return isAbsolute(path) ? path : resolve(cwd, path)
}

function addMissing({ given, issues }: Reading, { enabled }: HookConfig): void {
  const message = 'is missing: events are kept and not sent'
  if (enabled && !given.has('url')) {
    issues.push({ path: 'POSTHORN_HOOK_URL', message, expected: 'the whole URL of the hooks route' })
  }
  if (enabled && !given.has('apiKey')) {
    issues.push({ path: 'POSTHORN_HOOK_API_KEY', message, expected: 'a key of the server, phk_…' })
  }
}
