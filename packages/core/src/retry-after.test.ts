import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRetryAfter } from './retry-after.ts'

const NOW = Date.UTC(1994, 10, 6, 8, 49, 0)

describe('parseRetryAfter', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 5 ', 5_000],
    ['1.5', 1_500],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Sun Nov 06 08:49:37 1994', 37_000],
    ['Sun, 06 Nov 1994 08:48:00 GMT', 0],
  ])('%s', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected)
  })

  it.each([
    ...['', ' ', '-5', 'soon', '5 seconds', '1e3', '0x10', '5,6', '2024', '1994-11-06T08:49:37Z'].slice(0, 8),
    ...['1994-11-06T08:49:37Z', 'Sun, 31 Feb 1994 08:49:37 GMT', 'Sun, 06 Foo 1994 08:49:37 GMT'],
    ...['Sun, 06 Nov 1994 24:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 CET', 'Sun, 00 Nov 1994 08:49:37 GMT'],
    ...[null, undefined],
  ])('cannot read %s', (header) => {
    expect(parseRetryAfter(header, NOW)).toBeUndefined()
  })

  it('places a two-digit year within fifty years from now', () => {
    const now = Date.UTC(2030, 0, 1)
    expect(parseRetryAfter('Friday, 01-Jan-80 00:00:00 GMT', now)).toBe(Date.UTC(2080, 0, 1) - now)
    expect(parseRetryAfter('Friday, 01-Jan-81 00:00:00 GMT', now)).toBe(0)
  })

  it('reads the dates that JavaScript writes, to the second', () => {
    const date = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
    fc.assert(
      fc.property(date, date, (at, now) => {
        const expected = Math.max(0, Math.floor(at.getTime() / 1000) * 1000 - now.getTime())
        expect(parseRetryAfter(at.toUTCString(), now.getTime())).toBe(expected)
      }),
    )
  })

  it('is a finite wait ≥ 0 or nothing, whatever arrives', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,400}$/))
    fc.assert(
      fc.property(text, (header) => {
        const wait = parseRetryAfter(header, NOW)
        expect(wait === undefined || (Number.isFinite(wait) && wait >= 0)).toBe(true)
      }),
    )
  })
})
