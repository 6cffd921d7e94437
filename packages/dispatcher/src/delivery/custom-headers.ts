import { err, ok, type Result, type ValidationIssue } from '@posthorn/core'

/** Headers that a delivery sets itself, and those that belong to the connection (RFC 9110, section 7.6.1). */
const RESERVED = new Set([
  ...['user-agent', 'content-type', 'content-length', 'content-encoding', 'host', 'date'],
  ...['webhook-id', 'webhook-timestamp', 'webhook-signature', 'x-platform-signature'],
  ...['x-event-type', 'x-event-id', 'x-request-id', 'traceparent'],
  ...['x-timeout-ms', 'x-retry-attempt', 'x-max-attempts'],
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'http2-settings'],
])

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VISIBLE = /^[\t\x20-\x7e]*$/

const MAX_HEADERS = 32
const MAX_TOTAL_BYTES = 8 * 1024

/** Whether a header may not be set by a user: the delivery's own, the connection's, and every `ce-…` of CloudEvents. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase()
  return RESERVED.has(lower) || lower.startsWith('ce-')
}

/** Whether a value can be sent as it is: visible ASCII, spaces and tabs; in particular no CR, LF or NUL. */
export function isHeaderValue(value: string): boolean {
  return VISIBLE.test(value)
}

/**
 * Checks custom headers as a user gives them: an object of strings, at most 32 and 8 KiB together, valid names and
 * values, none that Posthorn or the connection needs.
 *
 * @param path where the issues say that the mistakes are; `headers` unless given
 * @returns the headers with lower-case names, or every mistake at once
 */
export function parseCustomHeaders(
  input: unknown,
  path = 'headers',
): Result<Record<string, string>, ValidationIssue[]> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return err([{ path, message: 'is not an object', expected: 'an object of header names and values' }])
  }
  const issues: ValidationIssue[] = []
  const headers = new Map<string, string>()
  let bytes = 0
  for (const [name, value] of Object.entries(input)) {
    const at = `${path}[${JSON.stringify(name)}]`
    const mistake = nameMistake(name, headers) ?? valueMistake(value)
    if (mistake !== undefined) issues.push({ path: at, ...mistake })
    const text = typeof value === 'string' ? value : ''
    headers.set(name.toLowerCase(), text)
    bytes += name.length + text.length
  }
  if (headers.size > MAX_HEADERS) issues.push({ path, message: `has more than ${MAX_HEADERS} headers` })
  if (bytes > MAX_TOTAL_BYTES) issues.push({ path, message: `is larger than ${MAX_TOTAL_BYTES} bytes` })
  return issues.length === 0 ? ok(Object.fromEntries(headers)) : err(issues)
}

type Mistake = Omit<ValidationIssue, 'path'>

function nameMistake(name: string, seen: ReadonlyMap<string, string>): Mistake | undefined {
  if (!TOKEN.test(name)) return { message: 'is not a header name' }
  if (isReservedHeader(name)) return { message: 'is a reserved header' }
  if (seen.has(name.toLowerCase())) return { message: 'is given twice, in different case' }
  return undefined
}

function valueMistake(value: unknown): Mistake | undefined {
  if (typeof value !== 'string') return { message: 'is not a string', expected: 'a string' }
  if (!isHeaderValue(value))
    return { message: 'has characters that no header may have', expected: 'visible ASCII' }
  return undefined
}
