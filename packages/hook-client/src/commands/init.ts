import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { hasHooks, planAdd, planRemove } from '../claude-settings/plan.ts'
import { readText, SCOPES, type Scope, settingsPath } from '../claude-settings/settings-file.ts'
import { complaintOfPath } from '../doctor/check-node.ts'
import { EXIT, type ExitCode, usageError } from '../terminal/exit-codes.ts'
import { type Output, paint } from '../terminal/output.ts'
import { type CommandContext, claudeUserDir } from './context.ts'
import { applyChanges, diffOf } from './file-changes.ts'

/** Options of `posthorn-hook init`. */
export interface InitOptions {
  readonly scope: Scope
  readonly remove: boolean
  readonly dryRun: boolean
  /** Of the project; where none is named, `CLAUDE_PROJECT_DIR` or the working directory. */
  readonly projectDir?: string
}

/** `posthorn-hook init`: puts the hooks into a settings file of Claude Code, or takes them out again. */
export function init(options: InitOptions, context: CommandContext, output: Output): ExitCode {
  const { scope, remove, dryRun } = options
  const projectDir = resolve(context.cwd, options.projectDir ?? (context.env['CLAUDE_PROJECT_DIR'] || '.'))
  if (!statSync(projectDir, { throwIfNoEntry: false })?.isDirectory()) {
    throw usageError(`The project ${projectDir} is no folder.`)
  }
  const places = { projectDir, userDir: claudeUserDir(context) }
  const path = settingsPath(scope, places)
  const neighbour = settingsPath(scope === 'local' ? 'project' : 'local', places)
  const target = {
    path,
    ...(scope !== 'user' && { ignoreFile: join(projectDir, '.gitignore'), neighbour }),
  }
  const changes = remove ? planRemove(target) : planAdd(target, context.file)
  const diff = changes.map(diffOf).join('')
  if (!dryRun) applyChanges(changes)

  const report = {
    settings: path,
    scope,
    changed: changes.length > 0,
    dryRun,
    files: changes.map(({ path, action }) => ({ path, action })),
    diff,
  }
  output.result(report, `${painted(diff)}${summary(report, remove)}`)
  if (output.json) return EXIT.ok
  if (!remove) nextSteps(context, output)
  if (remove && !report.changed) {
    for (const other of otherScopes(scope, places)) {
      output.note(
        `There are hooks in ${settingsPath(other, places)}: posthorn-hook init --scope ${other} --remove`,
      )
    }
  }
  const left = join(projectDir, '.claude/posthorn')
  if (remove && existsSync(left)) output.note(`\nWhat was captured stays in ${left} until you delete it.`)
  return EXIT.ok
}

/** Further scopes whose settings have our hooks. */
function otherScopes(scope: Scope, places: Parameters<typeof settingsPath>[1]): Scope[] {
  return SCOPES.filter((other) => {
    try {
      const path = settingsPath(other, places)
      return other !== scope && hasHooks(path, readText(path)?.text ?? '{}')
    } catch {
      // What is wrong with a file that was not asked for is for doctor to tell.
      return false
    }
  })
}

interface Report {
  readonly settings: string
  readonly changed: boolean
  readonly dryRun: boolean
  readonly files: readonly { path: string; action: string }[]
}

function summary({ settings, changed, dryRun, files }: Report, remove: boolean): string {
  if (!changed) {
    return remove ? `There are no hooks of posthorn-hook in ${settings}.` : `${settings} is up to date.`
  }
  const done = files.map(({ path, action }) => `${dryRun ? `would be ${action}` : action}: ${path}`)
  return done.join('\n')
}

function painted(diff: string): string {
  const colour = (line: string) => {
    if (/^(\+\+\+|---|===)/.test(line)) return paint('bold', line)
    if (line.startsWith('+')) return paint('green', line)
    if (line.startsWith('-')) return paint('red', line)
    return line.startsWith('@@') ? paint('cyan', line) : line
  }
  return diff.split('\n').map(colour).join('\n')
}

function nextSteps({ env, file, settings }: CommandContext, output: Output): void {
  if (/[\\/]_npx[\\/]/.test(file)) {
    output.note(
      `\nThis copy lies in npm's cache and may go away: install it with "npm install --global @posthorn/hook-client", and run "posthorn-hook init" again.`,
    )
  }
  const complaint = complaintOfPath(env)
  if (complaint !== undefined) {
    output.note(
      `\n${paint('yellow', 'warning:', process.stderr)} Nothing is captured yet: hooks start the node of the PATH, and ${complaint}`,
    )
  }
  const missing = [
    settings.config.url === undefined && 'url',
    settings.config.apiKey === undefined && 'apiKey',
  ]
  if (missing.some((name) => name !== false)) {
    const { path, exists } = settings.file
    output.note(
      `\nEvents are kept until the server is known. ${exists ? 'Put into' : 'Write'} ${path}:\n` +
        '  { "url": "http://localhost:8080/api/v1/hooks/claude-code", "apiKey": "phk_…" }',
    )
  }
  output.note('\nSessions that start from now on are captured. To check it: posthorn-hook doctor')
}
