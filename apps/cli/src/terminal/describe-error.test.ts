import { ConflictError, PosthornError, UnavailableError, ValidationError } from '@posthorn/core'
import { describe, expect, it } from 'vitest'
import { describeError } from './describe-error.ts'
import { CommandError, usageError } from './exit-codes.ts'

const coded = (code: string, message = 'no good') => Object.assign(new Error(message), { code })

describe('describeError', () => {
  it.each([
    ['a mistake of usage', usageError('wrong'), 64],
    ['a mistake in the input', new ValidationError([{ path: 'url', message: 'is no URL' }]), 64],
    ['a failure', new CommandError('did not work'), 1],
    ['a refused connection', coded('ECONNREFUSED'), 69],
    ['a name that does not resolve', coded('ENOTFOUND'), 69],
    [
      'a refused connection behind other errors',
      new Error('query failed', { cause: coded('ECONNREFUSED') }),
      69,
    ],
    ['refused connections of several addresses', new AggregateError([coded('ECONNREFUSED')]), 69],
    ['a connection that takes too long', new Error('timeout exceeded when trying to connect'), 69],
    ['a server that starts', coded('57P03', 'the database system is starting up'), 75],
    ['a server without a free connection', coded('53300', 'too many clients'), 75],
    ['a wrong password', coded('28P01', 'password authentication failed'), 1],
    ['what may work later', new UnavailableError('busy'), 75],
    ['a conflict that ends', new ConflictError('in flight', { isRetryable: true }), 75],
    ['a conflict that stays', new ConflictError('delivered before'), 1],
    ['a newer schema', new PosthornError('schema_too_new', 'newer'), 1],
    [
      'a database that is away, as the engine says it',
      new UnavailableError('x', { cause: coded('ECONNREFUSED') }),
      69,
    ],
  ])('tells %s in a sentence', (_what, error, exitCode) => {
    const report = describeError(error)
    expect(report.exitCode).toBe(exitCode)
    expect(report.text).not.toBe('')
    expect(report.text).not.toMatch(/^\s+at /m)
  })

  it('shows where an error came from that nobody expected', () => {
    expect(describeError(new TypeError('x is not a function'))).toMatchObject({
      exitCode: 1,
      text: expect.stringMatching(/^TypeError: x is not a function\n\s+at /),
    })
  })
})
