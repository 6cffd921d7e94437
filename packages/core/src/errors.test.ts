import { describe, expect, it, vi } from 'vitest'
import {
  ConflictError,
  describeIssues,
  IdempotencyError,
  NotFoundError,
  PayloadTooLargeError,
  PosthornError,
  UnavailableError,
  ValidationError,
} from './errors.ts'

describe('errors', () => {
  it.each([
    [new ConflictError('m'), 'conflict', 'ConflictError', false],
    [new NotFoundError('m'), 'not_found', 'NotFoundError', false],
    [new UnavailableError('m'), 'unavailable', 'UnavailableError', true],
    [new IdempotencyError('m'), 'idempotency_mismatch', 'IdempotencyError', false],
    [new PayloadTooLargeError('m'), 'payload_too_large', 'PayloadTooLargeError', false],
    [new PosthornError('internal', 'm'), 'internal', 'PosthornError', false],
  ] as const)('carry code, name and retryability: %s', (error, code, name, isRetryable) => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(PosthornError)
    expect(error).toMatchObject({ code, name, isRetryable, message: 'm' })
    expect(PosthornError.is(error)).toBe(true)
  })

  it('keep their cause, and have none when none was given', () => {
    const cause = new Error('socket')
    expect(new UnavailableError('m', { cause }).cause).toBe(cause)
    expect(new PosthornError('internal', 'm', { cause: undefined })).toHaveProperty('cause', undefined)
    expect(Object.hasOwn(new ConflictError('m'), 'cause')).toBe(false)
  })

  it('may say otherwise about retrying', () => {
    expect(new UnavailableError('m', { isRetryable: false }).isRetryable).toBe(false)
    expect(new ConflictError('m', { isRetryable: true }).isRetryable).toBe(true)
  })

  it('are known over copies of the package', async () => {
    vi.resetModules()
    const copy = await import('./errors.ts')
    expect(copy.PosthornError).not.toBe(PosthornError)
    const error = new copy.ConflictError('m')
    expect(error).not.toBeInstanceOf(PosthornError)
    expect(PosthornError.is(error)).toBe(true)
  })

  it('are not mistaken for others', () => {
    for (const other of [new Error('m'), { code: 'conflict' }, null, undefined, 'conflict', () => {}]) {
      expect(PosthornError.is(other)).toBe(false)
    }
  })
})

describe('ValidationError', () => {
  const issues = [
    { path: 'retry.delays[2]', message: 'is not an integer', expected: 'an integer from 0 to 10' },
    { path: '', message: 'unknown field "x"' },
  ]

  it('lists every issue and says them all in its message', () => {
    const error = new ValidationError(issues)
    expect(error).toMatchObject({ code: 'validation', name: 'ValidationError', isRetryable: false, issues })
    expect(error.message).toBe(
      'retry.delays[2]: is not an integer (expected an integer from 0 to 10)\nunknown field "x"',
    )
    expect(new ValidationError(issues, { message: 'short' }).message).toBe('short')
  })

  it('keeps a list of its own', () => {
    const given = [...issues]
    const error = new ValidationError(given)
    given.pop()
    expect(error.issues).toHaveLength(2)
    expect(describeIssues([])).toBe('invalid input')
  })
})
