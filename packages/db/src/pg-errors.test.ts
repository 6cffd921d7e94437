import { describe, expect, it } from 'vitest'
import { isConnectionLoss } from './pg-errors.ts'

const coded = (code: string) => Object.assign(new Error('no'), { code })

describe('isConnectionLoss', () => {
  it.each([
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', '08006', '57P01', '53300', '25006'].map(coded),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Cannot use a pool after calling end on the pool'),
  ])('is %s', (error) => {
    expect(isConnectionLoss(error)).toBe(true)
  })

  it.each([
    coded('23505'),
    coded('57014'),
    new TypeError("Cannot read properties of undefined (reading 'connection')"),
    new Error('a pool of words'),
    undefined,
  ])('is not %s', (error) => {
    expect(isConnectionLoss(error)).toBe(false)
  })
})
