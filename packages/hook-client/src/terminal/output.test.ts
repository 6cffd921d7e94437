import { describe, expect, it } from 'vitest'
import { columns, count, duration, printable, size } from './output.ts'

describe('printable', () => {
  it('lets nothing through that does something to a terminal, and keeps colours and lines', () => {
    expect(printable('a\u001B]0;title\u0007b\u001B[2Jc\r\u009Bd')).toBe(
      'a\\x1b]0;title\\x07b\\x1b[2Jc\\x0d\\x9bd',
    )
    expect(printable('\u001B[31mred\u001B[39m\n\tnext ü')).toBe('\u001B[31mred\u001B[39m\n\tnext ü')
  })
})

describe('numbers for people', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [90_000, '2 min'],
    [3 * 3_600_000, '3 h'],
    [7 * 86_400_000, '7 d'],
  ])('says %i ms as %s', (ms, text) => expect(duration(ms)).toBe(text))

  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [5 * 1_048_576, '5.0 MiB'],
  ])('says %i bytes as %s', (bytes, text) => expect(size(bytes)).toBe(text))

  it('knows one from many', () =>
    expect([count(1, 'event'), count(2, 'event')]).toEqual(['1 event', '2 events']))
})

it('aligns columns', () => {
  expect(
    columns([
      ['A', 'LONG', 'B'],
      ['longer', 'x', 'y'],
    ]),
  ).toBe('A       LONG  B\nlonger  x     y')
})
