import fc from 'fast-check'
import type { RetryPolicy } from './retry-policy.ts'
import { RETRY_PRESETS } from './retry-policy.ts'
import { parseRetryPolicy } from './retry-policy-parse.ts'

const jitter = fc.constantFrom('full', 'equal', 'decorrelated', 'none', 'positive')
const attempts = fc.integer({ min: 1, max: 40 })

/** What a caller may write for a schedule. */
export const scheduleInput = fc.record({
  delays: fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 12 }),
  maxAttempts: attempts,
  jitter,
})

/** What a caller may write for an exponential policy. */
export const exponentialInput = fc
  .record({
    initialDelayMs: fc.integer({ min: 0, max: 60_000 }),
    extraMs: fc.integer({ min: 0, max: 3_600_000 }),
    backoffMultiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    maxAttempts: attempts,
    jitter,
  })
  .map(({ extraMs, ...rest }) => ({ ...rest, maxDelayMs: rest.initialDelayMs + extraMs }))

/** The policy of an input that must be right. */
export function policyOf(input: unknown): RetryPolicy {
  const parsed = parseRetryPolicy(input)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}

/** Any valid policy. */
export const anyPolicy: fc.Arbitrary<RetryPolicy> = fc.oneof(
  scheduleInput.map(policyOf),
  exponentialInput.map(policyOf),
  fc.constantFrom(...Object.values(RETRY_PRESETS)),
)

/** A generator's value in [0, 1). */
export const randomValue = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
