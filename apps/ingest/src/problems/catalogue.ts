import type { ValidationIssue } from '@posthorn/core'
import type { CallProblem, Problem } from './problem.ts'

/** How long a caller is asked to wait before the same request is worth another try, seconds. */
const SOON = { 'retry-after': '1' }

const REALM = 'Bearer realm="posthorn"'

/** The body is no JSON text, or no UTF-8. */
export const malformed = (detail: string): Problem => ({
  status: 400,
  code: 'malformed',
  title: 'The request cannot be read',
  detail,
})

/** There is no key, or none that is valid. */
export const unauthorized = (isGiven: boolean): Problem => ({
  status: 401,
  code: 'unauthorized',
  title: 'A valid API key is needed',
  detail: isGiven
    ? 'The API key is unknown, expired or revoked.'
    : 'Send an API key as "Authorization: Bearer phk_…".',
  headers: { 'www-authenticate': isGiven ? `${REALM}, error="invalid_token"` : REALM },
})

export const forbidden = (detail: string): Problem => ({
  status: 403,
  code: 'forbidden',
  title: 'The API key does not allow this',
  detail,
})

export const notFound = (detail: string): Problem => ({
  status: 404,
  code: 'not_found',
  title: 'Not found',
  detail,
})

export const conflict = (detail: string, isRetryable: boolean): Problem => ({
  status: 409,
  code: 'conflict',
  title: 'The present state does not allow this',
  detail,
  ...(isRetryable && { headers: SOON }),
})

export const tooLarge = (detail: string): Problem => ({
  status: 413,
  code: 'payload_too_large',
  title: 'The request is too large',
  detail,
})

export const unsupportedMediaType = (detail: string, headers?: Problem['headers']): Problem => ({
  status: 415,
  code: 'unsupported_media_type',
  title: 'This kind of content is not taken here',
  detail,
  ...(headers && { headers }),
})

/** The input is readable and wrong; every mistake is named, once where two checks found the same. */
export const invalid = (errors: readonly ValidationIssue[]): Problem => ({
  status: 422,
  code: 'validation',
  title: 'The request is not valid',
  errors: [...new Map(errors.toReversed().map((error) => [error.path, error])).values()].toReversed(),
})

export const idempotencyMismatch = (detail: string): Problem => ({
  status: 422,
  code: 'idempotency_mismatch',
  title: 'The idempotency key belongs to another request',
  detail,
})

export const rateLimited = (detail: string): Problem => ({
  status: 429,
  code: 'rate_limited',
  title: 'Too many requests',
  detail,
  headers: SOON,
})

/** A fault of ours: the request id leads to it in the logs, and nothing of it goes out. */
export const internal: Problem = { status: 500, code: 'internal', title: 'Something went wrong here' }

export const unavailable = (detail: string): Problem => ({
  status: 503,
  code: 'unavailable',
  title: 'Not possible just now',
  detail,
  headers: SOON,
})

/** An app did not answer in time, and its capability has no fallback. */
export const callTimedOut = (call: CallProblem): Problem => ({
  status: 504,
  code: 'timeout',
  title: 'The app did not answer in time',
  call,
})

/** An app was reached and gave no answer, or was not reached. */
export const callFailed = (call: CallProblem): Problem => ({
  status: 502,
  code: 'call_failed',
  title: 'The app did not answer as it should',
  call,
})

/** An app was not asked, since it failed too often lately. */
export const callNotMade = (call: CallProblem, retryAfterMs: number | undefined): Problem => ({
  status: 503,
  code: 'circuit_open',
  title: 'The app is not asked just now',
  call,
  ...(retryAfterMs !== undefined && {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) },
  }),
})

/** An app could not be asked for a reason of ours. */
export const callUnavailable = (call: CallProblem): Problem => ({
  ...unavailable('The app could not be asked.'),
  call,
})

/** Nobody reads this answer: whoever asked has gone. */
export const callerGone: Problem = {
  status: 499,
  code: 'caller_gone',
  title: 'The caller went away before there was an answer',
}
