import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { percentile, summarise } from './statistics.ts'

describe('summarise', () => {
  it('gives median and extremes', () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, count: 3 })
    expect(summarise([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4, count: 4 })
    expect(summarise([])).toBeUndefined()
  })
})

describe('percentile', () => {
  it('is the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect([0.5, 0.99, 1].map((fraction) => percentile(hundred, fraction))).toEqual([50, 99, 100])
    expect(percentile([], 0.5)).toBeNaN()
  })

  it('has at least its share of the samples at or below it', () => {
    const samples = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(samples, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, fraction) => {
        const found = percentile(values, fraction)
        expect(values).toContainEqual(found)
        const below = values.filter((value) => value <= found).length
        expect(below / values.length).toBeGreaterThanOrEqual(fraction)
      }),
    )
  })
})
