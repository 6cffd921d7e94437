import { statSync } from 'node:fs'
import { redactUrl } from '@posthorn/core'
import type { LoadedConfig } from '../config/config.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** The settings: every mistake in them, and where the important ones come from. */
export function checkSettings({ config, issues, origins, file }: LoadedConfig): Check[] {
  const from = (origin: string | undefined) => (origin === undefined ? '' : ` (from ${origin})`)
  const where = `Set it in the environment, or in ${file.path}${file.exists ? '' : ', which does not exist yet'}.`
  const help = (path: string) => (path === file.path ? 'Nothing of it counts until it is mended.' : where)
  const mistakes = issues.map(({ path, message, expected }) =>
    fail(
      'settings',
      `${path} ${message}`,
      [expected === undefined ? '' : `Expected: ${expected}.`, help(path)].join(' ').trim(),
    ),
  )
  const found = [
    ...(config.url === undefined
      ? []
      : [ok('settings', `events go to ${redactUrl(config.url)}${from(origins.url)}`)]),
    ...(config.apiKey === undefined ? [] : [ok('settings', `there is an API key${from(origins.apiKey)}`)]),
  ]
  const off = warn(
    'settings',
    `capture is switched off${from(origins.enabled)}`,
    'Nothing is captured and nothing is sent until it is enabled again.',
  )
  return [...mistakes, ...found, ...(config.enabled ? [] : [off]), ...rights(file.path, origins.apiKey)]
}

/** Whether others may read the key in the configuration file. Windows has no such bits. */
function rights(path: string, keyFrom: string | undefined): Check[] {
  if (keyFrom !== path || process.platform === 'win32') return []
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  if ((mode & 0o077) === 0) return []
  const text = `${path} holds the key, and is open to other users (mode ${(mode & 0o777).toString(8)})`
  return [warn('settings', text, `Run: chmod 600 ${path}`)]
}
