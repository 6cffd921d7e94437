import { isUtf8 } from 'node:buffer'
import { err, ok, type Result, type ValidationIssue } from '@posthorn/core'
import type { z } from 'zod'
import { envelopeSchema, schemaOf } from './hook-schemas.ts'

/** An event of a tool's hook, read and checked. */
export interface HookEvent {
  /** such as `PreToolUse` */
  readonly kind: string
  readonly sessionId: string | null
  /** what the body itself calls the request */
  readonly requestId: string | null
  /** what the body says about when it happened */
  readonly timestamp: unknown
  readonly fields: Readonly<Record<string, unknown>>
  /** `{ event, timestamp, sessionId, data }`, as older clients send it */
  readonly isOlderFormat: boolean
}

/** What could be read of an event that is invalid. */
export interface Unreadable {
  readonly issues: ValidationIssue[]
  readonly kind: string | null
  readonly sessionId: string | null
}

/** Reads a whole request body. */
export function readBody(body: Buffer): Result<{ text: string; event: HookEvent }, Unreadable> {
  if (!isUtf8(body)) return unreadable('is not valid UTF-8')
  const text = body.toString('utf8')
  const read = readText(text)
  return read.ok ? ok({ text, event: read.value }) : read
}

/** Reads an event out of JSON text: the tool's own object, or the older format. */
export function readText(text: string): Result<HookEvent, Unreadable> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own words quote the body.
    return unreadable('is not JSON')
  }
  if (!isObject(value)) return unreadable('must be an object')
  const isOlderFormat = value['hook_event_name'] === undefined && value['event'] !== undefined
  if (isOlderFormat && value['data'] != null && !isObject(value['data'])) {
    return unreadable('must be an object', 'data')
  }
  const fields = isOlderFormat ? fromOlderFormat(value) : value
  const names = {
    hook_event_name: fields['hook_event_name'],
    session_id: fields['session_id'],
    request_id: value['requestId'] ?? value['request_id'],
  }
  const envelope = envelopeSchema.safeParse(names, { reportInput: true })
  const checked = envelope.success
    ? schemaOf(envelope.data.hook_event_name).safeParse(fields, { reportInput: true })
    : undefined
  if (!envelope.success || !checked?.success) {
    return err({
      issues: [envelope.error, checked?.error].flatMap((error) =>
        error ? issuesOf(error, isOlderFormat) : [],
      ),
      kind: readable('hook_event_name', names),
      sessionId: readable('session_id', names),
    })
  }
  return ok({
    kind: envelope.data.hook_event_name,
    sessionId: envelope.data.session_id || null,
    requestId: envelope.data.request_id ?? null,
    timestamp: value['timestamp'],
    fields,
    isOlderFormat,
  })
}

const unreadable = (message: string, path = '') =>
  err({ issues: [{ path, message }], kind: null, sessionId: null })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The older format's fields under the names that the tool gives them today. */
function fromOlderFormat({ event, sessionId, data }: Record<string, unknown>): Record<string, unknown> {
  const inner = Object.entries((data as Record<string, unknown> | null | undefined) ?? {}).map(
    ([name, value]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value],
  )
  const fields: Record<string, unknown> = Object.fromEntries(inner)
  return { ...fields, hook_event_name: event, session_id: sessionId ?? fields['session_id'] }
}

/** A field of the envelope that is as it should be, where others are not. */
function readable(field: 'hook_event_name' | 'session_id', names: Record<string, unknown>): string | null {
  const parsed = envelopeSchema.shape[field].safeParse(names[field])
  return parsed.success ? (parsed.data ?? null) : null
}

const OLDER_NAMES: Readonly<Record<string, string>> = { hook_event_name: 'event', session_id: 'sessionId' }

function issuesOf(error: z.ZodError, isOlderFormat: boolean): ValidationIssue[] {
  return error.issues.map((issue) => {
    const [first, ...rest] = issue.path.map((part) =>
      typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
    )
    const name = first?.slice(1) ?? ''
    const olderName = OLDER_NAMES[name] ?? `data.${name}`
    return {
      path: (isOlderFormat ? olderName : name) + rest.join(''),
      message: issue.input === undefined ? 'is missing' : issue.message,
    }
  })
}
