import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readJson } from '../http/json-text.ts'
import { itemsOf, membersOf, skipSpace } from './spans.ts'

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 })

/** A string as JSON may write it: some characters as they are, some escaped. */
const stringText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => JSON.stringify(text).slice(1, -1)),
      fc.constantFrom(
        '\\"',
        '\\\\',
        '\\/',
        '\\b',
        '\\u0000',
        '\\ud800',
        '\\u0022',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join('')}"`)

const numberText = fc.constantFrom('0', '-0', '1e400', '-1.50E-7', '123456789012345678901234567890', '0.1e+1')
const scalarText = fc.oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null'))

/** Any JSON text, with white space wherever JSON allows it. */
const jsonText = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 5, withCrossShrink: true }, scalarText, tie('list'), tie('object')),
  list: fc
    .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
    .map((items) => `[${items.map((item) => item.join('')).join(',')}${items.length === 0 ? ' ' : ''}]`),
  object: fc
    .array(fc.tuple(space, stringText, space, space, tie('value'), space), { maxLength: 4 })
    .map(
      (members) =>
        `{${members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join(',')}}`,
    ),
})).value

describe('membersOf', () => {
  it('finds the bytes of every value, whatever they are and whatever stands around them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(stringText, jsonText, space, space, space, space), { maxLength: 6 }),
        space,
        (members, lead) => {
          const body = members
            .map(([name, value, a, b, c, d]) => `${a}${name}${b}:${c}${value}${d}`)
            .join(',')
          const bytes = Buffer.from(`${lead}{${body}}${lead}`)
          const { text } = readJson(bytes)
          const found = membersOf(text, skipSpace(text, 0))
          expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(
            members.map(([, value]) => value),
          )
          expect(found.map(({ name }) => name)).toEqual(members.map(([name]) => JSON.parse(name)))
          for (const [at, { start, end }] of found.entries()) {
            const before = Buffer.byteLength(text.slice(0, start))
            const sliced = bytes.subarray(before, before + Buffer.byteLength(text.slice(start, end)))
            expect(sliced.equals(Buffer.from(members[at]?.[1] ?? ''))).toBe(true)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('does not recurse', () => {
    const deep = `${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`
    const { text } = readJson(Buffer.from(`{"payload":${deep}}`))
    const [payload] = membersOf(text, 0)
    expect(text.slice(payload?.start, payload?.end)).toBe(deep)
  })

  it('takes time in proportion to the text', () => {
    const backslashes = `"${'\\\\'.repeat(400_000)}\\""`
    const { text } = readJson(Buffer.from(`{"a":${backslashes},"b":1}`))
    expect(membersOf(text, 0).map(({ name }) => name)).toEqual(['a', 'b'])
  })
})

describe('itemsOf', () => {
  it('finds every item', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(space, jsonText, space), { maxLength: 6 }), (items) => {
        const { text } = readJson(Buffer.from(`[${items.map((item) => item.join('')).join(',')}]`))
        expect(itemsOf(text, 0).map(({ start, end }) => text.slice(start, end))).toEqual(
          items.map(([, value]) => value),
        )
      }),
    )
  })
})
