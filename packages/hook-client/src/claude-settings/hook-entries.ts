/** One handler of `hooks.<event>[].hooks[]`, as it stands in a settings file: nothing about it is certain. */
export interface Handler {
  readonly type?: unknown
  readonly command?: unknown
  readonly args?: unknown
  readonly timeout?: unknown
  readonly async?: unknown
}

/** A handler and where it stands: `hooks.<event>[group].hooks[index]`. */
export interface PlacedHandler {
  readonly event: string
  readonly group: number
  readonly index: number
  readonly handler: Handler
}

/**
 * Every handler of a settings file.
 * @throws TypeError that names the field, where `hooks` has not the form that Claude Code reads.
 */
export function handlersIn(settings: unknown): PlacedHandler[] {
  if (!isObject(settings)) throw new TypeError('the file must hold an object')
  const { hooks } = settings
  if (hooks === undefined) return []
  if (!isObject(hooks)) throw new TypeError('hooks must be an object')
  return Object.entries(hooks).flatMap(([event, groups]) => {
    if (!Array.isArray(groups)) throw new TypeError(`hooks.${event} must be a list`)
    return groups.flatMap((entry: unknown, group) => {
      const path = `hooks.${event}[${group}]`
      if (!isObject(entry)) throw new TypeError(`${path} must be an object`)
      const handlers = entry['hooks']
      if (!Array.isArray(handlers)) throw new TypeError(`${path}.hooks must be a list`)
      return handlers.map((handler: unknown, index): PlacedHandler => {
        if (!isObject(handler)) throw new TypeError(`${path}.hooks[${index}] must be an object`)
        return { event, group, index, handler }
      })
    })
  })
}

const OUR_FILE = /(?:^|[\\/])posthorn-hook(?:\.[cm]?js)?$/

/** Whether `init` wrote this handler: `node <…/posthorn-hook.js> capture`, without a shell. */
export function isOurs({ type, command, args }: Handler): boolean {
  if (type !== 'command' || typeof command !== 'string' || !Array.isArray(args)) return false
  const [file, action] = args as unknown[]
  return typeof file === 'string' && OUR_FILE.test(file) && action === 'capture'
}

/** Whether somebody wrote by hand, as a shell command, what `init` would write. */
export function isOursByHand({ type, command, args }: Handler): boolean {
  return (
    type === 'command' &&
    args === undefined &&
    /\bposthorn-hook(?:\.[cm]?js)?\b.*\bcapture\b/.test(String(command))
  )
}

/** The file that one of our handlers starts. */
export function fileOf({ args }: Handler): string {
  return Array.isArray(args) ? String(args[0]) : ''
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
