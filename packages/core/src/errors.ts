/** Stable names of what went wrong, the same in errors, problem documents and logs. */
export type ErrorCode =
  | 'validation'
  | 'conflict'
  | 'not_found'
  | 'unavailable'
  | 'idempotency_mismatch'
  | 'payload_too_large'
  | 'unauthorized'
  | 'forbidden'
  | 'rate_limited'
  | 'circuit_open'
  | 'timeout'
  | 'internal'
  | 'configuration'
  | 'secret_unreadable'
  | 'schema_too_new'
  | 'unsupported_server'
  | 'unsupported_platform'
  | 'database_start_failed'
  | 'database_stop_failed'

/** One mistake in an input. */
export interface ValidationIssue {
  /** Where, as one would write it in JavaScript: `retry.delays[2]`; empty for the input as a whole. */
  path: string
  /** What is wrong, in a sentence. */
  message: string
  /** What would have been right, such as `an integer from 1 to 1000`. */
  expected?: string
}

/** The cause of an error, and whether the same request may succeed when made again. */
export interface PosthornErrorOptions {
  cause?: unknown
  isRetryable?: boolean
}

// Two copies of this package in one process (two versions, or bundled twice) have two classes; the brand
// is shared by all of them.
const BRAND: unique symbol = Symbol.for('@posthorn/core:error')

/** The base of every error that Posthorn throws on purpose. */
export class PosthornError extends Error {
  readonly code: ErrorCode
  /** True when the same request, made again later, may succeed. */
  readonly isRetryable: boolean

  constructor(code: ErrorCode, message: string, options: PosthornErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'PosthornError'
    this.code = code
    this.isRetryable = options.isRetryable ?? false
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** Whether `x` is an error of Posthorn, made by whichever copy of this package. */
  static is(x: unknown): x is PosthornError {
    return typeof x === 'object' && x !== null && (x as { [BRAND]?: unknown })[BRAND] === true
  }
}

/** The input is wrong; `issues` lists every mistake at once. */
export class ValidationError extends PosthornError {
  readonly issues: ValidationIssue[]

  constructor(issues: readonly ValidationIssue[], options: PosthornErrorOptions & { message?: string } = {}) {
    super('validation', options.message ?? describeIssues(issues), options)
    this.name = 'ValidationError'
    this.issues = [...issues]
  }
}

/** The request contradicts the present state. */
export class ConflictError extends PosthornError {
  constructor(message: string, options?: PosthornErrorOptions) {
    super('conflict', message, options)
    this.name = 'ConflictError'
  }
}

/** What was asked for does not exist, or not for this caller. */
export class NotFoundError extends PosthornError {
  constructor(message: string, options?: PosthornErrorOptions) {
    super('not_found', message, options)
    this.name = 'NotFoundError'
  }
}

/** Something that is needed does not answer just now; the same request may succeed later. */
export class UnavailableError extends PosthornError {
  constructor(message: string, options?: PosthornErrorOptions) {
    super('unavailable', message, { isRetryable: true, ...options })
    this.name = 'UnavailableError'
  }
}

/** The idempotency key was used before, for a different request. */
export class IdempotencyError extends PosthornError {
  constructor(message: string, options?: PosthornErrorOptions) {
    super('idempotency_mismatch', message, options)
    this.name = 'IdempotencyError'
  }
}

/** The payload is larger than allowed. */
export class PayloadTooLargeError extends PosthornError {
  constructor(message: string, options?: PosthornErrorOptions) {
    super('payload_too_large', message, options)
    this.name = 'PayloadTooLargeError'
  }
}

/** All issues as text, one a line: `retry.delays[2]: must not be negative (expected …)`. */
export function describeIssues(issues: readonly ValidationIssue[]): string {
  const lines = issues.map(({ path, message, expected }) => {
    const where = path === '' ? '' : `${path}: `
    return where + message + (expected === undefined ? '' : ` (expected ${expected})`)
  })
  return lines.length === 0 ? 'invalid input' : lines.join('\n')
}
