import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { LoadedConfig } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'

/** What a command knows of the world around it. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly homeDir: string
  /** The file that hooks start: the bundle that is running. */
  readonly file: string
  readonly settings: LoadedConfig
}

/** The context of this process. */
export function systemContext(file: string): CommandContext {
  const { env } = process
  return { env, cwd: process.cwd(), homeDir: homedir(), file, settings: loadConfig() }
}

/** Where Claude Code keeps what belongs to the user. */
export function claudeUserDir({ env, homeDir }: Pick<CommandContext, 'env' | 'homeDir'>): string {
  return env['CLAUDE_CONFIG_DIR'] || join(homeDir, '.claude')
}

/** The folder whose `.claude/settings.json` counts for sessions that start here. */
export function projectDirOf({ env, cwd }: Pick<CommandContext, 'env' | 'cwd'>): string {
  return resolve(cwd, env['CLAUDE_PROJECT_DIR'] || '.')
}
