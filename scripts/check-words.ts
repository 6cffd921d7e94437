/**
 * Looks through every file of the repository (tracked, or new and not ignored) for what must not be in
 * it: see `word-rules.ts`.
 *
 *     pnpm run check:words
 */
import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findWords, registryRule, wordRules } from './word-rules.ts'

const root = resolve(import.meta.dirname, '..')

function repositoryFiles(): string[] {
  // A clone made by another user is still a clone: without this, git refuses to list it.
  const git = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = execFileSync('git', git, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && isFile(join(root, path)))
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/** The registry npm would use here; an unknown one adds no rule. */
function registryInUse(): string {
  try {
    return execFileSync('npm', ['config', 'get', 'registry'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

const ownRegistry = registryRule(registryInUse())
const rules = ownRegistry === undefined ? wordRules : [...wordRules, ownRegistry]
const files = repositoryFiles()
const findings = files.flatMap((path) => findWords(path, readFileSync(join(root, path), 'utf8'), rules))

for (const { path, line, reason, text } of findings) console.error(`${path}:${line}: ${reason}: ${text}`)
console.log(`${files.length} files read, ${findings.length} findings`)
if (files.length === 0 || findings.length > 0) process.exitCode = 1
