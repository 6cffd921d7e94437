import { RETRY_PRESETS } from '@posthorn/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadline, GRACE_MS, isFairTimeout, LEAST_REQUEST_MS, MARGIN_MS, SIDE_STEP_MS } from './deadline.ts'

const ms = fc.double({ min: 0, max: 400_000, noNaN: true })
const timeout = fc.integer({ min: 1, max: 300_000 })
const budget = fc.option(ms, { nil: undefined })

describe('Deadline', () => {
  it('never gives more than the timeout or what is left of the budget', () => {
    fc.assert(
      fc.property(timeout, budget, ms, (timeoutMs, budgetMs, elapsedMs) => {
        const deadline = new Deadline(timeoutMs, budgetMs)
        expect(deadline.timeoutMs).toBe(Math.min(timeoutMs, budgetMs ?? Number.POSITIVE_INFINITY))
        expect(deadline.leftMs(elapsedMs)).toBe(Math.max(0, deadline.timeoutMs - elapsedMs))
      }),
    )
  })

  it('makes no request that could outlast it, and none that could only fail', () => {
    fc.assert(
      fc.property(timeout, budget, ms, (timeoutMs, budgetMs, elapsedMs) => {
        const deadline = new Deadline(timeoutMs, budgetMs)
        const requestMs = deadline.requestMs(elapsedMs)
        if (requestMs === undefined) {
          expect(deadline.leftMs(elapsedMs)).toBeLessThan(LEAST_REQUEST_MS)
          return
        }
        expect(Number.isInteger(requestMs)).toBe(true)
        expect(requestMs).toBeGreaterThanOrEqual(LEAST_REQUEST_MS)
        expect(elapsedMs + requestMs).toBeLessThanOrEqual(deadline.timeoutMs)
      }),
    )
  })

  it('ends a fallback within the grace, whenever it begins', () => {
    fc.assert(
      fc.property(timeout, budget, ms, (timeoutMs, budgetMs, elapsedMs) => {
        const deadline = new Deadline(timeoutMs, budgetMs)
        const fallbackMs = deadline.fallbackMs(elapsedMs)
        expect(fallbackMs).toBeGreaterThanOrEqual(0)
        const bound = deadline.timeoutMs + GRACE_MS - MARGIN_MS
        expect(Math.max(elapsedMs, bound)).toBeCloseTo(elapsedMs + fallbackMs, 6)
        if (elapsedMs <= deadline.timeoutMs) expect(fallbackMs).toBeGreaterThanOrEqual(GRACE_MS - MARGIN_MS)
      }),
    )
  })

  it('waits for what it can do without no longer than a moment, and never beyond its end', () => {
    fc.assert(
      fc.property(timeout, ms, (timeoutMs, elapsedMs) => {
        const deadline = new Deadline(timeoutMs)
        const waitMs = deadline.sideStepMs(elapsedMs)
        expect(waitMs).toBeLessThanOrEqual(SIDE_STEP_MS)
        expect(waitMs).toBeLessThanOrEqual(deadline.leftMs(elapsedMs))
      }),
    )
  })

  it('tries again only if time for a request is left after the wait, and never sooner than asked', () => {
    const tries = fc.integer({ min: 1, max: 6 })
    const retryAfter = fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined })
    const random = fc.double({ min: 0, max: 0.999, noNaN: true })
    fc.assert(
      fc.property(timeout, ms, tries, retryAfter, random, (timeoutMs, elapsedMs, failed, retryAfterMs, r) => {
        const deadline = new Deadline(timeoutMs)
        const policy = RETRY_PRESETS.call
        const delay = deadline.retryDelayMs(elapsedMs, policy, failed, { random: () => r, retryAfterMs })
        if (delay === undefined) return
        expect(failed).toBeLessThan(policy.maxAttempts)
        expect(delay).toBeGreaterThanOrEqual(Math.max(1_000 * 2 ** (failed - 1), retryAfterMs ?? 0))
        expect(elapsedMs + delay + LEAST_REQUEST_MS).toBeLessThanOrEqual(timeoutMs)
      }),
    )
  })

  it('has nothing left in a budget that is used up', () => {
    const deadline = new Deadline(5_000, 0)
    expect(deadline.requestMs(0)).toBeUndefined()
    expect(deadline.fallbackMs(0)).toBe(GRACE_MS - MARGIN_MS)
  })
})

describe('isFairTimeout', () => {
  it.each([
    [1_000, 1_000, true],
    [500, 1_000, true],
    [499, 1_000, false],
  ])('%i ms of %i ms: %s', (requestMs, timeoutMs, expected) => {
    expect(isFairTimeout(requestMs, timeoutMs)).toBe(expected)
  })
})
