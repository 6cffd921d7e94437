import { dirname, isAbsolute, join } from 'node:path'
import { checksum } from '../spool/checksum.ts'
import { DIRECTORIES } from '../spool/layout.ts'
import type { ConfigSource } from './config.ts'

/** What of a {@link ConfigSource} the places on disk depend on. */
export type PlaceSource = Pick<ConfigSource, 'env' | 'cwd' | 'homeDir' | 'platform' | 'isDirectory'>

const PRODUCT = 'posthorn'

/**
 * The user's directory for state: `$XDG_STATE_HOME/posthorn` (default `~/.local/state`),
 * `%LOCALAPPDATA%\posthorn`, or `~/Library/Application Support/posthorn`.
 */
export function userStateDir(source: PlaceSource): string {
  return userDir(source, 'XDG_STATE_HOME', ['.local', 'state'], 'LOCALAPPDATA', ['AppData', 'Local'])
}

/**
 * Where the key that events are sealed with may lie, the first place for a new one: the same whatever a shell or an editor
 * sets, and only where that cannot be written the one that the environment names.
 */
export function sealDirs(source: PlaceSource): string[] {
  const places = [userStateDir({ ...source, env: {} }), userStateDir(source)]
  return [...new Set(places)].map((dir) => join(dir, 'seal'))
}

/** The configuration file, unless `POSTHORN_HOOK_CONFIG` names another: `hook.json` in the user's directory. */
export function userConfigFile(source: PlaceSource): string {
  const dir = userDir(source, 'XDG_CONFIG_HOME', ['.config'], 'APPDATA', ['AppData', 'Roaming'])
  return join(dir, 'hook.json')
}

function userDir(
  { env, homeDir, platform }: PlaceSource,
  xdgName: string,
  xdgDefault: readonly string[],
  windowsName: string,
  windowsDefault: readonly string[],
): string {
  if (platform === 'darwin') return join(homeDir, 'Library', 'Application Support', PRODUCT)
  const given = platform === 'win32' ? env[windowsName] : env[xdgName]
  // The XDG specification has relative paths ignored.
  if (given !== undefined && isAbsolute(given)) return join(given, PRODUCT)
  return join(homeDir, ...(platform === 'win32' ? windowsDefault : xdgDefault), PRODUCT)
}

/**
 * The project that a session works in: the directory of `CLAUDE_PROJECT_DIR`, else the working
 * directory, or the nearest one above it that has a `.claude` directory. Undefined when none has. The
 * home directory counts only when the search starts there: its `.claude` holds the user's own settings.
 */
export function projectDir({ env, cwd, homeDir, isDirectory }: PlaceSource): string | undefined {
  const start = env['CLAUDE_PROJECT_DIR'] || cwd
  if (!isAbsolute(start)) return undefined
  for (let dir = start; ; dir = dirname(dir)) {
    if (dir === homeDir && dir !== start) return undefined
    if (isDirectory(join(dir, '.claude'))) return dir
    if (dir === dirname(dir)) return undefined
  }
}

/**
 * Where spool and logs lie by default: under the project's `.claude`, else in the user's state directory. Also there
 * when the project has a link in their place, or another user's folder: a repository that somebody cloned must not
 * decide where this program writes to. `refused` is that path.
 */
export function baseDir(source: PlaceSource & Pick<ConfigSource, 'isForeign'>): {
  base: string
  refused?: string
} {
  const project = projectDir(source)
  if (project === undefined) return { base: userStateDir(source) }
  const base = join(project, '.claude', PRODUCT)
  const folders = ['logs', 'spool', ...DIRECTORIES.map((name) => join('spool', name))]
  const refused = [dirname(base), base, ...folders.map((name) => join(base, name))].find((path) =>
    source.isForeign(path),
  )
  return refused === undefined
    ? { base }
    : { base: join(userStateDir(source), 'projects', checksum(base)), refused }
}
