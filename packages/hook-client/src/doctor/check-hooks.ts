import { existsSync } from 'node:fs'
import { hasSaneTimeout, MAX_SANE_TIMEOUT_SECONDS } from '../claude-settings/edit-hooks.ts'
import {
  fileOf,
  handlersIn,
  isObject,
  isOurs,
  isOursByHand,
  type PlacedHandler,
} from '../claude-settings/hook-entries.ts'
import { CAPTURED_EVENTS, HARMFUL_EVENTS } from '../claude-settings/hook-events.ts'
import { readText } from '../claude-settings/settings-file.ts'
import { type Check, fail, ok, warn } from './check.ts'

const INSTALL = 'posthorn-hook init'
/** Where others may well wait for minutes, a thousand seconds is a mistake in the unit. */
const MILLISECONDS_BY_MISTAKE = 1_000

interface Installed extends PlacedHandler {
  readonly path: string
}

/** The hooks in the settings files of Claude Code that count here. */
export function checkHooks(paths: readonly string[]): Check[] {
  const checks: Check[] = []
  const handlers: Installed[] = []
  for (const path of paths) {
    try {
      const text = readText(path)?.text
      if (text === undefined) continue
      const settings: unknown = JSON.parse(text)
      handlers.push(...handlersIn(settings).map((each) => ({ ...each, path })))
      if (isObject(settings)) checks.push(...switches(path, settings), ...variables(path, settings))
    } catch (error) {
      const message = `${path} is not a settings file of Claude Code: ${(error as Error).message}`
      checks.push(fail('hooks', message, 'Claude Code ignores the whole file: mend it.'))
    }
  }
  const ours = handlers.filter(({ handler }) => isOurs(handler))
  const byHand = handlers.filter(({ handler }) => isOursByHand(handler))
  return [
    ...checks,
    ...coverage([...ours, ...byHand]),
    ...files(ours),
    ...harm(ours),
    ...limits(handlers),
    ...forms(byHand),
  ]
}

/** Variables that sessions get from here, and commands in a shell do not. */
function variables(path: string, { env }: Record<string, unknown>): Check[] {
  const ours = isObject(env) ? Object.keys(env).filter((name) => /^(?:POSTHORN|CLAUDE)_HOOK_/.test(name)) : []
  if (ours.length === 0) return []
  const message = `sessions get ${ours.join(', ')} from ${path}`
  return [ok('settings', `${message}; commands in a shell, this one too, do not`)]
}

function switches(path: string, settings: Record<string, unknown>): Check[] {
  if (settings['disableAllHooks'] !== true) return []
  return [fail('hooks', `disableAllHooks is set in ${path}`, 'Claude Code runs no hook at all: remove it.')]
}

function coverage(capturing: readonly Installed[]): Check[] {
  if (capturing.length === 0) return [fail('hooks', 'no hook captures here', `Run: ${INSTALL}`)]
  const covered = new Set(capturing.map(({ event }) => event))
  const missing = CAPTURED_EVENTS.filter((event) => !covered.has(event))
  const places = [...new Set(capturing.map(({ path }) => path))].join(', ')
  if (missing.length === 0)
    return [ok('hooks', `all ${CAPTURED_EVENTS.length} events are captured (${places})`)]
  return [warn('hooks', `not captured: ${missing.join(', ')} (${places})`, `Run: ${INSTALL}`)]
}

function files(ours: readonly Installed[]): Check[] {
  const found = [...new Set(ours.map(({ handler }) => fileOf(handler)))]
  const gone = found.filter((file) => !existsSync(file))
  const twice =
    found.length > 1
      ? [`hooks start ${found.length} different files, and each captures: ${found.join(', ')}`]
      : []
  return [
    ...gone.map((file) => fail('hooks', `hooks start ${file}, which is not there`, `Run: ${INSTALL}`)),
    ...twice.map((message) =>
      warn('hooks', message, `Run "${INSTALL}" for each scope with hooks, or "${INSTALL} --remove".`),
    ),
  ]
}

function harm(ours: readonly Installed[]): Check[] {
  return ours
    .filter(({ event }) => HARMFUL_EVENTS.has(event))
    .map(({ event, path }) =>
      fail('hooks', `a hook on ${event} changes what Claude Code does (${path})`, `Run: ${INSTALL}`),
    )
}

/** Claude Code reads `timeout` in seconds; written in milliseconds it makes a tool wait for hours. */
function limits(handlers: readonly Installed[]): Check[] {
  const told = new Map<string, Check>()
  for (const { path, event, handler } of handlers) {
    const { timeout } = handler
    const isOwn = isOurs(handler) || isOursByHand(handler)
    if (isOwn && timeout === undefined) {
      const message = `a hook has no timeout, and may hold Claude Code up for 10 minutes (${path})`
      told.set(`none ${path}`, warn('timeouts', message, `Set "timeout": 5, or run: ${INSTALL}`))
    } else if (isOwn && !hasSaneTimeout(handler)) {
      const message = `timeout ${timeout} is in seconds, and more than ${MAX_SANE_TIMEOUT_SECONDS} (${event} in ${path})`
      told.set(`ours ${path}`, fail('timeouts', message, `Was it meant in milliseconds? Run: ${INSTALL}`))
    } else if (!isOwn && typeof timeout === 'number' && timeout >= MILLISECONDS_BY_MISTAKE) {
      const message = `another hook's timeout of ${timeout} is in seconds (${event} in ${path})`
      told.set(`other ${path} ${event}`, warn('timeouts', message, 'Was it meant in milliseconds?'))
    }
  }
  return [...told.values()]
}

function forms(byHand: readonly Installed[]): Check[] {
  const heavy = byHand.filter(({ handler }) => /\b(?:npx|pnpm|yarn|bunx)\b/.test(String(handler.command)))
  return heavy
    .slice(0, 1)
    .map(({ path }) =>
      warn(
        'hooks',
        `a hook starts through a package manager (${path})`,
        `That takes seconds, and is cut off at the end of a session. Remove it and run: ${INSTALL}`,
      ),
    )
}
