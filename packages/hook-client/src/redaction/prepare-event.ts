import { statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { FilterSettings } from '../config/config.ts'
import { countNames } from './count-names.ts'
import { escapePattern } from './escape-pattern.ts'
import { parseExactly } from './exact-json.ts'
import { type RedactionRules, redactDocument, redactPlainText } from './redact-document.ts'
import { isSecretName } from './secret-names.ts'
import { markCut, shrinkDocument } from './shrink.ts'
import { closeTornJson } from './torn-json.ts'

/** What came on stdin, made ready for the disk. */
export type PreparedEvent =
  | {
      kind: 'event'
      body: string
      event: string
      sessionId: string | null
      /** Values in which a secret was found. */
      redactions: number
      /** Whether something is missing in it: it was too large, or its document broke off. */
      isCut: boolean
    }
  /** The settings leave this event out. */
  | { kind: 'excluded'; event: string }
  /** There was nothing but white space. */
  | { kind: 'empty' }
  /** No event can be read in it; the text is without secrets. */
  | { kind: 'unreadable'; text: string; message: string }

/** What {@link prepareEvent} needs besides the document. */
export interface PrepareOptions {
  filter: FilterSettings
  /** The name of events whose document has none. */
  defaultEvent: string | undefined
  knownSecrets: readonly string[]
  /** Bytes that came, when there were more than were kept. */
  receivedBytes: number
  isOutOfTime(): boolean
}

/** Longest text of an unreadable document that is kept. */
const UNREADABLE_LENGTH = 64 * 1024

/**
 * Filters and cuts one document. When there is no secret in it, no name twice in one object, and it is
 * small enough, the body is the document as it came, byte for byte.
 */
export function prepareEvent(input: string, options: PrepareOptions): PreparedEvent {
  const text = input.trim()
  if (text === '') return { kind: 'empty' }
  const { filter, defaultEvent, receivedBytes } = options
  const rules = rulesOf(options)
  const read = readDocument(text)
  if (read === undefined) {
    const kept = redactPlainText(text, { ...rules, maxTextLength: UNREADABLE_LENGTH })
    return { kind: 'unreadable', text: kept, message: 'what came on stdin is no JSON object' }
  }
  const { fields, isTorn } = read
  const named = nameOf(fields)
  const name = named ?? defaultEvent ?? 'unknown'
  // Both are also written into logs.
  const event = redactPlainText(name, rules).slice(0, 128)
  if (!isWanted(name, filter)) return { kind: 'excluded', event }
  const sessionId = sessionOf(fields, rules)
  const { changes: redactions, names } = redactDocument(fields, rules)
  if (isTorn) markCut(fields, { reason: 'torn', originalBytes: receivedBytes })
  const mustName = named === undefined && defaultEvent !== undefined
  if (mustName) fields['hook_event_name'] = defaultEvent
  // Of a name that is there twice only the last value was looked at; the text as it came has them all.
  const isChanged = redactions > 0 || isTorn || mustName || countNames(text) !== names
  const whole = isChanged ? JSON.stringify(fields) : text
  const isTooLarge = Buffer.byteLength(whole) > filter.maxEventBytes
  const body = isTooLarge ? shrinkDocument(fields, filter.maxEventBytes) : whole
  if (body === undefined) {
    const kept = redactPlainText(text, { ...rules, maxTextLength: UNREADABLE_LENGTH })
    return { kind: 'unreadable', text: kept, message: `it cannot be cut to ${filter.maxEventBytes} bytes` }
  }
  return { kind: 'event', body, event, sessionId, redactions, isCut: isTooLarge || isTorn }
}

/**
 * Values of variables that are secrets by their name: wherever such a value appears, it is one too. The
 * name of a folder is none: `PWD`, which a shell sets, would take the working directory out of every event.
 */
export function secretsInEnvironment(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && value.length >= 8 && isSecretName(name) && !namesFolder(name, value)
      ? [value]
      : [],
  )
}

function namesFolder(name: string, value: string): boolean {
  if (!isAbsolute(value)) return false
  if (name === 'PWD' || name === 'OLDPWD') return true
  try {
    return statSync(value, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch {
    return false
  }
}

function rulesOf({ filter, knownSecrets, isOutOfTime }: PrepareOptions): RedactionRules {
  const { redact, redactPatterns, maxEventBytes } = filter
  return { redact, redactPatterns, knownSecrets, maxTextLength: maxEventBytes, isOutOfTime }
}

function readDocument(text: string): { fields: Record<string, unknown>; isTorn: boolean } | undefined {
  const whole = parseObject(text)
  if (whole !== undefined) return { fields: whole, isTorn: false }
  const closed = closeTornJson(text)
  const fields = closed === undefined ? undefined : parseObject(closed)
  // What breaks off before it says what it is, is of no use to anybody.
  return fields === undefined || nameOf(fields) === undefined ? undefined : { fields, isTorn: true }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed = parseExactly(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** The tool's own name for the event, or an older client's. */
function nameOf(fields: Record<string, unknown>): string | undefined {
  const found = [fields['hook_event_name'], fields['event']].find(
    (one) => typeof one === 'string' && one !== '',
  )
  return typeof found === 'string' ? found : undefined
}

function sessionOf(fields: Record<string, unknown>, rules: RedactionRules): string | null {
  const found = [fields['session_id'], fields['sessionId']].find(
    (one) => typeof one === 'string' && one !== '',
  )
  return typeof found === 'string' ? redactPlainText(found, rules).slice(0, 512) : null
}

function isWanted(event: string, { include, exclude }: FilterSettings): boolean {
  const matches = (pattern: string) =>
    new RegExp(`^${pattern.split('*').map(escapePattern).join('.*')}$`, 'i').test(event)
  return include.some(matches) && !exclude.some(matches)
}
