import type { ValidationIssue } from '@posthorn/core'
import { err, ok, type Result } from '@posthorn/core'
import type { PublishInput } from '@posthorn/engine'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

const PATH = 'idempotency-key'
const VISIBLE_ASCII = /^[\x21-\x7e]{1,200}$/
// A string of RFC 8941: printable ASCII in quotes, where only a quote and a backslash are escaped.
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/

/**
 * The key in an `Idempotency-Key` header: a quoted string (draft-ietf-httpapi-idempotency-key-header-07), or the bare
 * key as many clients send it. Undefined where there is no header.
 */
export function parseIdempotencyKey(
  header: string | string[] | undefined,
): Result<string | undefined, ValidationIssue> {
  if (header === undefined) return ok(undefined)
  const key = typeof header === 'string' ? keyIn(header.trim()) : undefined
  if (key !== undefined && VISIBLE_ASCII.test(key)) return ok(key)
  return err({
    path: PATH,
    message: 'is not an idempotency key',
    expected: 'one quoted string or token of 1 to 200 visible ASCII characters',
  })
}

function keyIn(header: string): string | undefined {
  if (!header.startsWith('"')) return header.includes('"') ? undefined : header
  return QUOTED.exec(header)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
}

/**
 * The event under the name its sender gave it, in the header or in the envelope.
 *
 * @throws ProblemError 422 for a header that is no key, or another one than in the envelope
 */
export function withIdempotencyKey(event: PublishInput, header: string | string[] | undefined): PublishInput {
  if (header === undefined) return event
  const key = parseIdempotencyKey(header)
  if (!key.ok) throw new ProblemError(invalid([key.error]))
  if (key.value === undefined || key.value === event.requestId) return event
  if (event.requestId !== undefined) {
    throw new ProblemError(
      invalid([{ path: 'requestId', message: 'differs from the idempotency-key header' }]),
    )
  }
  return { ...event, requestId: key.value }
}
