import {
  chmodSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../terminal/exit-codes.ts'

/** Where settings of Claude Code are kept: shared with the project, one's own in the project, one's own everywhere. */
export const SCOPES = ['project', 'local', 'user'] as const
export type Scope = (typeof SCOPES)[number]

/** The settings file of a scope. `userDir` is where Claude Code keeps what belongs to the user. */
export function settingsPath(scope: Scope, places: { projectDir: string; userDir: string }): string {
  if (scope === 'user') return join(places.userDir, 'settings.json')
  return join(places.projectDir, '.claude', scope === 'local' ? 'settings.local.json' : 'settings.json')
}

/**
 * The text of a file; undefined where there is none. A byte order mark stays apart, since JSON has none.
 * @throws CommandError where it cannot be read.
 */
export function readText(path: string): { text: string; mark: string } | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    return text.startsWith('\uFEFF') ? { text: text.slice(1), mark: '\uFEFF' } : { text, mark: '' }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read: ${code}.`)
  }
}

/**
 * Writes a file whole or not at all, with the rights it had; where a link leads to it, the link stays.
 * @throws CommandError where it cannot be written: then it is as it was.
 */
export function writeText(path: string, text: string): void {
  const existing = statSync(path, { throwIfNoEntry: false })
  const target = existing ? realpathSync(path) : path
  const temporary = `${target}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(temporary, text, { flag: 'wx', flush: true })
    if (existing) chmodSync(temporary, existing.mode)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new CommandError(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}.`)
  }
}

/** Where the file is kept as it was before our hooks were put in. */
export const backupPath = (path: string): string => `${path}.posthorn-backup`
