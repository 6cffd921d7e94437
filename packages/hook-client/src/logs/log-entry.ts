import { REDACTED } from '@posthorn/core'
import type { LogFields } from './types.ts'

/** The four log files: sent events; failures; what happens to the spool; details for whoever debugs. */
export const LOG_FILES = ['success', 'error', 'queue', 'debug'] as const
export type LogFile = (typeof LOG_FILES)[number]

/** From the least to the most serious. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const MAX_TEXT = 1_024
/** Keys of Posthorn, and what follows the name of an HTTP authentication scheme. */
const CREDENTIALS = /\bphk_\w+|\b(?:Bearer|Basic) +[\w.~+/=-]{8,}/gi

/**
 * One entry as a line of JSON with its newline: time, level, message, the three ids (null where there is none), then
 * the other fields, text cut at 1 024 characters. Keys, authorization values and the given secrets became `[REDACTED]`.
 */
export function formatEntry(
  time: Date,
  level: LogLevel,
  message: string,
  fields: LogFields,
  secrets: readonly string[],
): string {
  const { requestId = null, traceId = null, spanId = null, ...rest } = fields
  const entry: Record<string, unknown> = {
    time: time.toISOString(),
    level,
    message: clean(message, secrets),
    requestId,
    traceId,
    spanId,
  }
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined || name in entry) continue
    entry[name] = typeof value === 'string' ? clean(value, secrets) : value
  }
  return `${JSON.stringify(entry)}\n`
}

function clean(text: string, secrets: readonly string[]): string {
  let safe = text.replace(CREDENTIALS, REDACTED)
  for (const secret of secrets) safe = safe.replaceAll(secret, REDACTED)
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}…` : safe
}
