import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { planAdd, planRemove } from '../claude-settings/plan.ts'
import { type Scope, settingsPath } from '../claude-settings/settings-file.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
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
  const left = join(projectDir, '.claude/posthorn')
  if (remove && existsSync(left)) output.note(`\nWhat was captured stays in ${left} until you delete it.`)
  return EXIT.ok
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

function nextSteps({ file, settings }: CommandContext, output: Output): void {
  if (/[\\/]_npx[\\/]/.test(file)) {
    output.note(
      `\nThis copy lies in npm's cache and may go away: install it with "npm install --global @posthorn/hook-client", and run "posthorn-hook init" again.`,
    )
  }
  const missing = [
    settings.config.url === undefined && 'url',
    settings.config.apiKey === undefined && 'apiKey',
  ]
  if (missing.some((name) => name !== false)) {
    const { path, exists } = settings.file
    output.note(
      `\nEvents are captured now and kept until the server is known. ${exists ? 'Put into' : 'Write'} ${path}:\n` +
        '  { "url": "http://localhost:8080/api/v1/hooks/claude-code", "apiKey": "phk_…" }',
    )
  }
  output.note('\nSessions that start from now on are captured. To check it: posthorn-hook doctor')
}
