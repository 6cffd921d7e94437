import { parse, resolve } from 'node:path'
import type { Clock } from '@posthorn/core'
import type { LoadedConfig } from '../config/config.ts'
import { CONFIG_FILE_VARIABLE, KEY_FILE_VARIABLE } from '../config/settings.ts'
import { isHoldOver, settingsFingerprint } from '../sender/hold.ts'
import { idOfEventFile, namesIn, openSpool, type Spool } from '../spool/layout.ts'
import { capturedAtOf } from '../spool/listing.ts'
import { type IsAlive, isAtWork, readLock } from '../spool/sender-lock.ts'
import { readState } from '../spool/state-file.ts'

/** How the detached sender is started. */
export interface StartOptions {
  loaded: LoadedConfig
  /** Program and arguments, such as `[process.execPath, '/…/posthorn-hook.js', 'sender']`. */
  command: readonly string[]
  env?: NodeJS.ProcessEnv
  clock?: Clock
  isAlive?: IsAlive
  /** In place of a real process, for tests. */
  spawn?: Spawn
}

/** Starts a process that outlives this one. */
export type Spawn = (command: readonly string[], env: NodeJS.ProcessEnv, cwd: string) => void

/**
 * Starts a sender for each of the two spools in which something waits, unless one is at work there or
 * nothing may be sent just now. Returns the spools for which one was started.
 */
export function startSenders(options: StartOptions): string[] {
  const { config } = options.loaded
  if (!config.enabled || config.url === undefined || config.apiKey === undefined) return []
  return [config.spoolDir, config.fallbackSpoolDir].filter((dir) => {
    if (!needsSender(openSpool(dir, { ...options, sealDirs: config.sealDirs }), options)) return false
    start(dir, options)
    return true
  })
}

function needsSender(spool: Spool, { loaded, isAlive }: StartOptions): boolean {
  const newest = namesIn(spool, 'pending').findLast((name) => idOfEventFile(name) !== undefined)
  if (newest === undefined && namesIn(spool, 'processing').length === 0) return false
  const now = spool.clock.now()
  const settings = settingsFingerprint(loaded.config)
  const sender = readLock(spool)
  if (sender !== undefined && isAtWork(sender, now, isAlive)) {
    return sender.activity === 'waiting' && sender.settings !== settings
  }
  const state = readState(spool)
  if (state === null || state === 'corrupt' || state.hold === null) return true
  const newestAt = newest === undefined ? 0 : (capturedAtOf(newest.slice(0, -'.json'.length)) ?? 0)
  return isHoldOver(state.hold, now, settings, newestAt)
}

function start(
  dir: string,
  { loaded, command, env = process.env, spawn = spawnDetached }: StartOptions,
): void {
  const keyFile = env[KEY_FILE_VARIABLE]
  // In the root directory, so that it keeps no directory of the user's from being removed or unmounted.
  const cwd = parse(dir).root
  spawn(
    command,
    {
      ...env,
      POSTHORN_HOOK_SPOOL_DIR: dir,
      POSTHORN_HOOK_LOG_DIR: loaded.config.logDir,
      ...(loaded.file.exists && { [CONFIG_FILE_VARIABLE]: loaded.file.path }),
      ...(keyFile && { [KEY_FILE_VARIABLE]: resolve(keyFile) }),
    },
    cwd,
  )
}

/** Without any of our standard streams: a child that held one would keep the tool waiting for its end. */
export const spawnDetached: Spawn = ([file = '', ...args], env, cwd) => {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(file, args, { cwd, env, detached: true, stdio: 'ignore', windowsHide: true })
  child.on('error', () => {})
  child.unref()
}
