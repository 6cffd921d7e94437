import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDeeperThan, jsonMistake } from './json-depth.ts'

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

describe('isDeeperThan', () => {
  it('agrees with the parsed value, whatever stands in its strings', () => {
    const text = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') })
    const json = fc.jsonValue({ maxDepth: 8, noUnicodeString: true } as object)
    const value = fc.oneof(json, fc.array(text), fc.dictionary(text, json))
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 10 }), (given, limit) => {
        expect(isDeeperThan(JSON.stringify(given), limit)).toBe(depthOf(given) > limit)
      }),
    )
  })
})

describe('jsonMistake', () => {
  it('finds what cannot be printed', () => {
    const round: unknown[] = []
    round.push(round)
    expect(jsonMistake(round)).toBe('must be JSON')
    expect(jsonMistake({ a: 1n })).toBe('must be JSON')
    expect(jsonMistake({ a: [1, 'b', null] })).toBeUndefined()
  })
})
