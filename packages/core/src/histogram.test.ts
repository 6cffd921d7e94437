import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketOf, mergeHistogram, percentile, recordDuration, valueOfBucket } from './histogram.ts'

const ERROR = 0.02
const duration = fc.oneof(
  fc.double({ min: 0.001, max: 1e13, noNaN: true }),
  fc.integer({ min: 1, max: 300_000 }),
  fc.constantFrom(0.001, 1, 1.04, 1.04 ** 2, 1000, 1e13),
)

/** The nearest-rank percentile of a sorted list. */
function exact(sorted: readonly number[], q: number): number {
  const rank = Math.max(1, Math.ceil(Number((q * sorted.length).toPrecision(12))))
  return sorted[rank - 1] ?? Number.NaN
}

describe('buckets', () => {
  it('stand for their values with at most 2 % error', () => {
    fc.assert(
      fc.property(duration, (ms) => {
        expect(Math.abs(valueOfBucket(bucketOf(ms)) - ms)).toBeLessThanOrEqual(ERROR * ms)
      }),
      { numRuns: 5000 },
    )
  })

  it('keep the order of values, and fit a smallint', () => {
    fc.assert(
      fc.property(duration, duration, (a, b) => {
        if (a <= b) expect(bucketOf(a)).toBeLessThanOrEqual(bucketOf(b))
        expect(Number.isInteger(bucketOf(a))).toBe(true)
        expect(bucketOf(a)).toBeLessThan(32_767)
      }),
    )
  })

  it('stand for themselves', () => {
    expect(bucketOf(valueOfBucket(0))).toBe(0)
    for (let bucket = 2; bucket < 900; bucket++) expect(bucketOf(valueOfBucket(bucket))).toBe(bucket)
  })

  it.each([
    [0, 0],
    [-0, 0],
    [-5, 0],
    [Number.NaN, 0],
    [0.0005, 0],
    [Number.POSITIVE_INFINITY, bucketOf(1e13)],
    [1e300, bucketOf(1e13)],
  ])('take %d as bucket %d', (ms, bucket) => {
    expect(bucketOf(ms)).toBe(bucket)
  })
})

describe('percentile', () => {
  it('is at most 2 % away from the exact one', () => {
    const values = fc.array(fc.oneof(duration, fc.constant(0)), { minLength: 1, maxLength: 300 })
    const q = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0.07, 0.5, 0.95, 0.99, 1))
    fc.assert(
      fc.property(values, q, (list, share) => {
        const histogram = new Map<number, number>()
        for (const ms of list) recordDuration(histogram, ms)
        const want = exact(
          list.toSorted((a, b) => a - b),
          share,
        )
        const got = percentile(histogram, share) ?? Number.NaN
        expect(Math.abs(got - want)).toBeLessThanOrEqual(ERROR * want)
      }),
      { numRuns: 1000 },
    )
  })

  it('of merged histograms is that of all values', () => {
    fc.assert(
      fc.property(fc.array(duration), fc.array(duration), (a, b) => {
        const all = new Map<number, number>()
        for (const ms of [...a, ...b]) recordDuration(all, ms)
        const merged = new Map<number, number>()
        for (const part of [a, b]) {
          const histogram = new Map<number, number>()
          for (const ms of part) recordDuration(histogram, ms)
          mergeHistogram(merged, histogram)
        }
        expect(merged).toEqual(all)
      }),
    )
  })

  it('is not pushed up a rank by floating point', () => {
    const hundred = new Map(Array.from({ length: 100 }, (_, i) => [i + 1, 1]))
    for (let rank = 1; rank <= 100; rank++) {
      expect(percentile(hundred, rank / 100)).toBe(valueOfBucket(rank))
    }
  })

  it('of nothing is undefined', () => {
    expect(percentile(new Map(), 0.5)).toBeUndefined()
    expect(percentile(new Map([[3, 0]]), 0.5)).toBeUndefined()
  })

  it('skips empty buckets', () => {
    const histogram = new Map([
      [900, 0],
      [100, 5],
      [1, 0],
    ])
    expect(percentile(histogram, 0)).toBe(valueOfBucket(100))
    expect(percentile(histogram, 1)).toBe(valueOfBucket(100))
  })

  it.each([-0.1, 1.1, 99, Number.NaN])('refuses a share of %d', (q) => {
    expect(() => percentile(new Map([[1, 1]]), q)).toThrow(RangeError)
  })
})
