import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { LoadedConfig } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { projectDir } from '../config/places.ts'

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

/** The folder whose `.claude` counts for sessions that start here: the nearest one upwards that has any, as for the spool. */
export function projectDirOf({ env, cwd, homeDir }: Omit<CommandContext, 'file' | 'settings'>): string {
  const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  return projectDir({ env, cwd, homeDir, platform: process.platform, isDirectory }) ?? cwd
}
