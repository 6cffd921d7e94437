import {
  type Handler,
  handlersIn,
  isObject,
  isOurs,
  isOursByHand,
  type PlacedHandler,
} from './hook-entries.ts'
import { CAPTURED_EVENTS, HARMFUL_EVENTS } from './hook-events.ts'
import { insertValue, removeValue, replaceValue } from './json-edits.ts'

/** Claude Code counts this one in seconds. */
const TIMEOUT_SECONDS = 5
/** Nobody lets a tool wait longer for its log: whoever wrote more meant milliseconds. */
export const MAX_SANE_TIMEOUT_SECONDS = 60

/**
 * A settings file with `node <file> capture` on every captured event. Handlers that are there already are brought up to
 * date, each once; everything else, and how the file is formatted, stays. The same text comes back when nothing is
 * missing.
 * @throws SyntaxError where the text is no JSON, TypeError where `hooks` has not the form that Claude Code reads.
 */
export function addHooks(text: string, file: string): string {
  let edited = text
  for (const harmful of HARMFUL_EVENTS) edited = removeFrom(edited, harmful)
  for (const event of CAPTURED_EVENTS) edited = addTo(edited, event, file)
  return edited
}

/**
 * A settings file without our handlers, and without the lists and objects that held nothing else.
 * @throws as {@link addHooks}.
 */
export function removeHooks(text: string): string {
  const events = new Set(handlersIn(JSON.parse(text)).map(({ event }) => event))
  return [...events].reduce(removeFrom, text)
}

function addTo(text: string, event: string, file: string): string {
  const settings = JSON.parse(text) as Record<string, unknown>
  const placed = handlersIn(settings).filter((each) => each.event === event)
  // Written by hand it captures as well; a second handler would capture everything twice.
  if (placed.some(({ handler }) => isOursByHand(handler))) return text
  const [first, ...more] = placed.filter(({ handler }) => isOurs(handler))
  if (first) return upToDate(more.reduceRight(removeOne, text), first, file)
  const group = {
    hooks: [{ type: 'command', command: 'node', args: [file, 'capture'], timeout: TIMEOUT_SECONDS }],
  }
  const { hooks } = settings
  if (!isObject(hooks)) return insertValue(text, ['hooks'], { [event]: [group] })
  const groups = hooks[event]
  return Array.isArray(groups)
    ? insertValue(text, ['hooks', event, groups.length], group)
    : insertValue(text, ['hooks', event], [group])
}

function upToDate(text: string, { event, group, index, handler }: PlacedHandler, file: string): string {
  const at = ['hooks', event, group, 'hooks', index]
  let edited = text
  if (handler.command !== 'node') edited = replaceValue(edited, [...at, 'command'], 'node')
  const [current, , ...extra] = handler.args as unknown[]
  if (current !== file || extra.length > 0) {
    edited = replaceValue(edited, [...at, 'args'], [file, 'capture'])
  }
  if (hasSaneTimeout(handler)) return edited
  const set = handler.timeout === undefined ? insertValue : replaceValue
  return set(edited, [...at, 'timeout'], TIMEOUT_SECONDS)
}

/** Whether a handler has a time limit, and one that is not in milliseconds by mistake. */
export function hasSaneTimeout({ timeout }: Handler): boolean {
  return typeof timeout === 'number' && timeout > 0 && timeout <= MAX_SANE_TIMEOUT_SECONDS
}

function removeFrom(text: string, event: string): string {
  const ours = handlersIn(JSON.parse(text)).filter((each) => each.event === event && isOurs(each.handler))
  // From the last to the first, so that the places of those before stay right.
  return ours.reduceRight(removeOne, text)
}

function removeOne(text: string, { event, group, index }: PlacedHandler): string {
  let edited = removeValue(text, ['hooks', event, group, 'hooks', index])
  for (const container of [['hooks', event, group], ['hooks', event], ['hooks']]) {
    if (!isEmpty(valueAt(JSON.parse(edited), container))) break
    edited = removeValue(edited, container)
  }
  return edited
}

/** An object with a list that is empty, an empty list, or an empty object. A group counts by its list. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (!isObject(value)) return false
  return Array.isArray(value['hooks']) ? value['hooks'].length === 0 : Object.keys(value).length === 0
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], root)
}
