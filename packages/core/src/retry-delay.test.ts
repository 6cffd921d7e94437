import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyPolicy, policyOf, randomValue } from './arbitraries.test-support.ts'
import { nextDelayMs } from './retry-delay.ts'
import { type Jitter, RETRY_PRESETS, type RetryPolicy } from './retry-policy.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

/** All waits of a policy when the generator always gives `value`. */
function waits(policy: RetryPolicy, value: number): number[] {
  const all: number[] = []
  for (let failed = 1; ; failed++) {
    const previousDelayMs = all.at(-1)
    const delay = nextDelayMs(policy, failed, {
      random: () => value,
      ...(previousDelayMs !== undefined && { previousDelayMs }),
    })
    if (delay === null) return all
    all.push(delay)
  }
}

describe('nextDelayMs', () => {
  it('follows the presets, before jitter', () => {
    expect(waits(RETRY_PRESETS.default, 0)).toEqual([1, 2, 4, 8].map((n) => n * MINUTE))
    expect(waits(RETRY_PRESETS['standard-webhooks'], 0)).toEqual([
      5_000,
      5 * MINUTE,
      30 * MINUTE,
      ...[2, 5, 10, 14, 20, 24].map((n) => n * HOUR),
    ])
    expect(waits(RETRY_PRESETS.call, 0)).toEqual([1_000, 2_000])
    expect(waits(RETRY_PRESETS.spool, 0)).toEqual([MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR])
  })

  it('is null exactly when the tries are used up', () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 1, max: 1100 }), (policy, failed) => {
        expect(nextDelayMs(policy, failed) === null).toBe(failed >= policy.maxAttempts)
      }),
    )
  })

  it('lets an operator grant more tries, repeating the last wait', () => {
    const policy = policyOf({ delays: [10, 20], jitter: 'none' })
    expect(nextDelayMs(policy, 3)).toBeNull()
    expect(nextDelayMs(policy, 3, { maxAttempts: 5 })).toBe(20)
    expect(nextDelayMs(policy, 4, { maxAttempts: 5 })).toBe(20)
    expect(nextDelayMs(policy, 5, { maxAttempts: 5 })).toBeNull()
    expect(nextDelayMs(policyOf([]), 1, { maxAttempts: 3 })).toBeGreaterThanOrEqual(MINUTE)
  })

  it('gives whole, finite waits, however many tries there were', () => {
    const failed = fc.oneof(fc.integer({ min: -5, max: 1e9 }), fc.constantFrom(Number.NaN, 2 ** 53, 0.5))
    fc.assert(
      fc.property(anyPolicy, failed, randomValue, fc.double(), (policy, count, value, previousDelayMs) => {
        const options = { random: () => value, previousDelayMs, maxAttempts: Number.POSITIVE_INFINITY }
        const delay = nextDelayMs(policy, count, options)
        expect(Number.isSafeInteger(delay)).toBe(true)
        expect(delay).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('grows to its maximum and stays there', () => {
    const policy = policyOf({ initialDelayMs: 1, maxDelayMs: 5_000, maxAttempts: 1000, jitter: 'none' })
    const all = waits(policy, 0)
    expect(all.slice(0, 4)).toEqual([1, 2, 4, 8])
    expect(all).toEqual(all.toSorted((a, b) => a - b))
    expect(all.at(-1)).toBe(5_000)
    expect(all).toHaveLength(999)
  })
})

describe('jitter', () => {
  const BOUNDS: Record<Exclude<Jitter, 'decorrelated'>, [number, number]> = {
    none: [1, 1],
    full: [0, 1],
    equal: [0.5, 1],
    positive: [1, 1.1],
  }
  const BASE = 10_000

  it.each(Object.entries(BOUNDS))('%s stays within its bounds and reaches them', (jitter, [low, high]) => {
    const policy = policyOf({ delays: [BASE], maxAttempts: 2, jitter })
    let least = Number.POSITIVE_INFINITY
    let most = 0
    for (let i = 0; i < 100_000; i++) {
      const delay = nextDelayMs(policy, 1) ?? Number.NaN
      least = Math.min(least, delay)
      most = Math.max(most, delay)
    }
    expect(least).toBeGreaterThanOrEqual(low * BASE)
    expect(most).toBeLessThanOrEqual(high * BASE)
    expect(least).toBeLessThanOrEqual(low * BASE + 20)
    expect(most).toBeGreaterThanOrEqual(high * BASE - 20)
  })

  it('positive never goes below the base delay', () => {
    const delays = fc.array(fc.integer({ min: 0, max: HOUR }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(delays, randomValue, (list, value) => {
        for (const [i, delay] of waits(policyOf(list), value).entries()) {
          expect(delay).toBeGreaterThanOrEqual(list[i] ?? Number.NaN)
          expect(delay).toBeLessThanOrEqual((list[i] ?? Number.NaN) * 1.1)
        }
      }),
    )
  })

  it('decorrelated stays between the first wait, the cap and three times the wait before', () => {
    const policy = policyOf({
      ...{ initialDelayMs: 100, maxDelayMs: 30_000, backoffMultiplier: 2 },
      ...{ maxAttempts: 1000, jitter: 'decorrelated' },
    })
    let previousDelayMs = 100
    let most = 0
    for (let i = 1; i <= 1_000_000; i++) {
      const delay =
        nextDelayMs(policy, i, { previousDelayMs, maxAttempts: Number.POSITIVE_INFINITY }) ?? Number.NaN
      const isWithin = delay >= 100 && delay <= Math.min(30_000, previousDelayMs * 3)
      if (!isWithin) expect.fail(`wait ${i} is ${delay} after ${previousDelayMs}`)
      most = Math.max(most, delay)
      previousDelayMs = delay
    }
    expect(most).toBeGreaterThan(25_000)
  })
})

describe('Retry-After', () => {
  it('is a floor after jitter, capped at one hour', () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 0, max: 10 * HOUR }), randomValue, (policy, asked, value) => {
        const random = () => value
        const without = nextDelayMs(policy, 1, { random })
        const delay = nextDelayMs(policy, 1, { random, retryAfterMs: asked })
        expect(delay).toBe(without === null ? null : Math.max(without, Math.min(asked, HOUR)))
      }),
    )
  })

  it('never shortens a wait that is longer than the cap', () => {
    const policy = policyOf({ delays: [2 * HOUR], jitter: 'none' })
    expect(nextDelayMs(policy, 1, { retryAfterMs: 9 * HOUR })).toBe(2 * HOUR)
  })

  it.each([
    [Number.POSITIVE_INFINITY, HOUR],
    [Number.NaN, 1000],
    [-5, 1000],
    [2000.4, 2001],
  ])('of %d waits %d', (retryAfterMs, expected) => {
    const policy = policyOf({ delays: [1000], jitter: 'none' })
    expect(nextDelayMs(policy, 1, { retryAfterMs })).toBe(expected)
  })
})
