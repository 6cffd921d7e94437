import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { CommandError, EXIT } from '../terminal/exit-codes.ts'
import { addHooks, removeHooks } from './edit-hooks.ts'
import { handlersIn, isOurs } from './hook-entries.ts'
import { addIgnored, removeIgnored } from './ignore-entry.ts'
import { backupPath, readText } from './settings-file.ts'

/** A file that is to be written, or removed where `after` is undefined. */
export interface FileChange {
  readonly path: string
  readonly action: 'created' | 'changed' | 'removed' | 'kept as a copy' | 'copy removed'
  readonly before: string | undefined
  readonly after: string | undefined
}

/** What the hooks are put into. */
export interface HookTarget {
  readonly path: string
  /** The project's `.gitignore`; none for settings of the user. */
  readonly ignoreFile?: string
  /** The other settings file of the project: as long as it has hooks, git must ignore what they capture. */
  readonly neighbour?: string
}

const IGNORED = ['.claude/posthorn/', '.claude/*.posthorn-backup']
const ALL_IGNORED: ReadonlySet<string> = new Set([
  '.claude',
  '.claude/',
  '/.claude',
  '/.claude/',
  '.claude/*',
])

/**
 * The changes that put our hooks in place; none where they are. The settings as they were stay in a copy beside them.
 * @throws CommandError where the settings cannot be read as such: then nothing may be changed.
 */
export function planAdd({ path, ignoreFile }: HookTarget, file: string): FileChange[] {
  const now = readText(path)
  const after = inSettings(path, () => addHooks(now?.text ?? '{}\n', file))
  const changes: FileChange[] = []
  if (now === undefined) {
    changes.push({ path, action: 'created', before: undefined, after })
  } else if (after !== now.text) {
    const before = now.mark + now.text
    if (!hasHooks(path, now.text)) {
      changes.push({ path: backupPath(path), action: 'kept as a copy', before: undefined, after: before })
    }
    changes.push({ path, action: 'changed', before, after: now.mark + after })
  }
  if (ignoreFile !== undefined && isInRepository(dirname(ignoreFile))) {
    const before = readText(ignoreFile)?.text
    const isIgnored = before?.split(/\r?\n/).some((line) => ALL_IGNORED.has(line.trim())) ?? false
    if (!isIgnored) changes.push(...change(ignoreFile, before, addIgnored(before ?? '', IGNORED)))
  }
  return changes
}

/**
 * The changes that undo {@link planAdd}: where nothing else was changed since, the file is again what it was, to the byte.
 * @throws as {@link planAdd}.
 */
export function planRemove({ path, ignoreFile, neighbour }: HookTarget): FileChange[] {
  const changes: FileChange[] = []
  const now = readText(path)
  if (now !== undefined && hasHooks(path, now.text)) changes.push(...removal(path, now))
  const stillNeeded = neighbour !== undefined && hasHooks(neighbour, readText(neighbour)?.text ?? '{}')
  if (ignoreFile !== undefined && !stillNeeded) {
    const before = readText(ignoreFile)?.text
    const after = removeIgnored(before ?? '')
    if (before !== undefined) changes.push(...change(ignoreFile, before, after === '' ? undefined : after))
  }
  return changes
}

function removal(path: string, now: { text: string; mark: string }): FileChange[] {
  const before = now.mark + now.text
  const after = inSettings(path, () => removeHooks(now.text))
  const copy = backupPath(path)
  const original = readText(copy)
  if (original === undefined) {
    // There was no file before, unless it holds something else by now.
    const nothingLeft = isDeepStrictEqual(JSON.parse(after), {})
    return change(path, before, nothingLeft ? undefined : now.mark + after)
  }
  if (!isSame(after, original.text)) return change(path, before, now.mark + after)
  const restored = original.mark + original.text
  return [
    ...change(path, before, restored),
    { path: copy, action: 'copy removed', before: restored, after: undefined },
  ]
}

/** Whether settings are those of before. They are compared after the same way through both edits. */
function isSame(after: string, original: string): boolean {
  try {
    const expected = removeHooks(addHooks(original, 'posthorn-hook.js'))
    return isDeepStrictEqual(JSON.parse(after), JSON.parse(expected))
  } catch {
    return false
  }
}

function change(path: string, before: string | undefined, after: string | undefined): FileChange[] {
  if (before === after) return []
  const action = before === undefined ? 'created' : after === undefined ? 'removed' : 'changed'
  return [{ path, action, before, after }]
}

/**
 * Whether a settings file has hooks of ours.
 * @throws as {@link planAdd}.
 */
export function hasHooks(path: string, text: string): boolean {
  return inSettings(path, () => handlersIn(JSON.parse(text)).some(({ handler }) => isOurs(handler)))
}

/** Tells what is wrong with a settings file in a sentence. */
function inSettings<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    throw new CommandError(`${path} is not a settings file of Claude Code: ${error.message}.`, {
      exitCode: EXIT.usage,
      hint: 'It was left as it is. Mend it, then run this again.',
    })
  }
}

function isInRepository(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true
    if (at === dirname(at)) return false
  }
}
