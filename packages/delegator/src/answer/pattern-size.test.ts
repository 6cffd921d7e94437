import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { patternSize } from './pattern-size.ts'

const atom = fc.constantFrom(
  'a',
  '.',
  'ſ',
  '^',
  '\\b',
  '\\d',
  '\\Q(a{9}\\E',
  '\\pL',
  '\\p{Greek}',
  '\\x{61}',
  '[a-z]',
  '[]a]',
  '[^[:alpha:](]',
  '[\\]{]',
  '\\(',
  '\\{',
  '()',
  '(?i)',
  '{',
  'a{,2}',
)
const pattern = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.array(tie('any'), { maxLength: 4 }).map((parts) => parts.join('')),
    fc.array(tie('any'), { maxLength: 4 }).map((parts) => parts.join('|')),
    fc
      .tuple(fc.constantFrom('(', '(?:', '(?P<n>', '(?i:'), tie('any'))
      .map(([open, inner]) => `${open}${inner})`),
    fc
      .tuple(tie('any'), fc.constantFrom('*', '+', '?', '*?', '{0}', '{3}', '{2,}', '{1,4}', '{0,7}?'))
      .map(([inner, repeat]) => `(?:${inner})${repeat}`),
  ),
})).any

function sizeOf(text: string): number {
  try {
    return RE2JS.compile(text).programSize()
  } catch {
    return 0
  }
}

describe('patternSize', () => {
  it('is never below the size of the program', () => {
    fc.assert(
      fc.property(pattern, (text) => {
        expect(patternSize(text)).toBeGreaterThanOrEqual(sizeOf(text))
      }),
      { numRuns: 1_000 },
    )
  })

  it.each(['^[0-9a-f]{8}-[0-9a-f]{4}$', '^.{1,200}$', '^\\d{4}-\\d{2}-\\d{2}$', '(?:a?){900}', '^(a|b)+$'])(
    'is not far above it: %s',
    (text) => expect(patternSize(text)).toBeLessThan(2 * sizeOf(text) + 20),
  )

  it('counts a repetition of nothing and a class of Unicode, which take time as well', () => {
    expect(patternSize('(?:){1000}(?:a{0}){1000}')).toBeGreaterThan(2_000)
    expect(patternSize('\\p{L}'.repeat(100))).toBeGreaterThan(1_000)
    expect(patternSize('[\\p{L} ]{1,100}')).toBeLessThan(500)
  })

  it('reads whatever is no pattern', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'\\[](){}*?|:p1,^Qa\n') }), (text) => {
        expect(patternSize(text)).toBeGreaterThan(0)
      }),
    )
  })
})
