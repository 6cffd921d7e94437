import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyPolicy, policyOf, randomValue } from './arbitraries.test-support.ts'
import { nextDelayMs } from './retry-delay.ts'
import { policySpanMs, RETRY_PRESETS } from './retry-policy.ts'

const DAY = 86_400_000

describe('policySpanMs', () => {
  it('is never exceeded by the waits, and reached by the longest ones', () => {
    fc.assert(
      fc.property(anyPolicy, fc.infiniteStream(randomValue), (policy, values) => {
        const sum = (random: () => number) => {
          let total = 0
          let previousDelayMs = 0
          for (let failed = 1; ; failed++) {
            const delay = nextDelayMs(policy, failed, { random, ...(failed > 1 && { previousDelayMs }) })
            if (delay === null) return total
            total += delay
            previousDelayMs = delay
          }
        }
        expect(sum(() => values.next().value ?? 0)).toBeLessThanOrEqual(policySpanMs(policy))
        expect(sum(() => 1)).toBe(policySpanMs(policy))
      }),
    )
  })

  it('of one try is nothing', () => {
    expect(policySpanMs(policyOf([]))).toBe(0)
  })
})

describe('maxAgeMs', () => {
  it('is three days unless the schedule takes longer', () => {
    expect(RETRY_PRESETS.default.maxAgeMs).toBe(3 * DAY)
    expect(RETRY_PRESETS.call.maxAgeMs).toBe(3 * DAY)
    expect(RETRY_PRESETS.spool.maxAgeMs).toBe(3 * DAY)
    const standard = RETRY_PRESETS['standard-webhooks']
    expect(standard.maxAgeMs).toBe(policySpanMs(standard))
    expect(standard.maxAgeMs).toBeGreaterThan(3 * DAY)
  })

  it('is never less than the span', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        expect(policy.maxAgeMs).toBe(Math.max(3 * DAY, policySpanMs(policy)))
      }),
    )
  })
})

describe('presets', () => {
  it('cannot be changed', () => {
    for (const preset of Object.values(RETRY_PRESETS)) {
      expect(Object.isFrozen(preset)).toBe(true)
      if (preset.kind === 'schedule') expect(Object.isFrozen(preset.delays)).toBe(true)
    }
  })

  it('have the tries that they promise', () => {
    const tries = Object.entries(RETRY_PRESETS).map(([name, policy]) => [name, policy.maxAttempts])
    expect(Object.fromEntries(tries)).toEqual({ default: 5, 'standard-webhooks': 10, call: 3, spool: 6 })
  })
})
