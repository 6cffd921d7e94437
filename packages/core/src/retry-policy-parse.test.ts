import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyPolicy, exponentialInput, scheduleInput } from './arbitraries.test-support.ts'
import { RETRY_PRESETS } from './retry-policy.ts'
import { parseRetryPolicy } from './retry-policy-parse.ts'

const DAY = 86_400_000

const issuesOf = (input: unknown, path?: string) => {
  const parsed = parseRetryPolicy(input, path)
  return parsed.ok ? [] : parsed.error
}
const pathsOf = (input: unknown, path?: string) => issuesOf(input, path).map((issue) => issue.path)

describe('parseRetryPolicy', () => {
  it('reads a stored policy as itself', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        expect(parseRetryPolicy(JSON.parse(JSON.stringify(policy)))).toEqual({ ok: true, value: policy })
      }),
    )
  })

  it('reads a list, with the tries that it makes', () => {
    expect(parseRetryPolicy([1000, 5000])).toEqual({
      ok: true,
      value: {
        kind: 'schedule',
        delays: [1000, 5000],
        maxAttempts: 3,
        jitter: 'positive',
        maxAgeMs: 3 * DAY,
      },
    })
    expect(parseRetryPolicy([])).toMatchObject({ ok: true, value: { maxAttempts: 1 } })
  })

  it('reads what is written, and fills in the rest', () => {
    fc.assert(
      fc.property(fc.oneof(scheduleInput, exponentialInput), (input) => {
        expect(parseRetryPolicy(input)).toMatchObject({ ok: true, value: input })
      }),
    )
    expect(parseRetryPolicy({ initialDelayMs: 1000, maxDelayMs: 30_000, maxAttempts: 3 })).toEqual({
      ok: true,
      value: RETRY_PRESETS.call,
    })
  })

  it('reads the names of presets only', () => {
    for (const [name, value] of Object.entries(RETRY_PRESETS)) {
      expect(parseRetryPolicy(name)).toEqual({ ok: true, value })
    }
    for (const name of ['', 'Default', 'toString', '__proto__', 'constructor']) {
      const [issue] = issuesOf(name, 'retry')
      expect(issue?.path).toBe('retry')
      expect(issue?.expected).toContain('standard-webhooks')
    }
  })

  it('is not surprised by anything', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const parsed = parseRetryPolicy(input)
        expect(parsed.ok || parsed.error.length > 0).toBe(true)
      }),
    )
    for (const input of [null, undefined, 5, true, {}, { kind: 'linear' }, { delays: null }]) {
      expect(issuesOf(input).length).toBeGreaterThan(0)
    }
  })
})

describe('mistakes', () => {
  it('are listed all at once, each with its path and what was expected', () => {
    const input = {
      delays: [1, -1, '3', 1.5, Number.NaN],
      maxAttempts: 0,
      jitter: 'some',
      maxAgeMs: 'long',
      delay: 1,
      initialDelayMs: 5,
    }
    expect(pathsOf(input, 'retry').toSorted()).toEqual(
      [
        ...['retry.delay', 'retry.delays[1]', 'retry.delays[2]', 'retry.delays[3]', 'retry.delays[4]'],
        ...['retry.initialDelayMs', 'retry.jitter', 'retry.maxAgeMs', 'retry.maxAttempts'],
      ].toSorted(),
    )
    for (const issue of issuesOf(input)) expect(issue.expected).toBeTruthy()
  })

  it('of an exponential policy are listed too', () => {
    const input = { kind: 'exponential', initialDelayMs: '1', backoffMultiplier: 0.5, delays: [1] }
    expect(pathsOf(input)).toEqual([
      ...['delays', 'initialDelayMs', 'maxDelayMs', 'backoffMultiplier', 'maxAttempts'],
    ])
    expect(pathsOf({ initialDelayMs: 100, maxDelayMs: 99, maxAttempts: 2 })).toEqual(['maxDelayMs'])
  })

  it('name unknown fields', () => {
    const [issue] = issuesOf({ delays: [1], maxAtempts: 3 }, 'retry')
    expect(issue).toMatchObject({ path: 'retry.maxAtempts', message: 'unknown field "maxAtempts"' })
    expect(issue?.expected).toContain('maxAttempts')
  })

  it('have the path of a list itself', () => {
    expect(pathsOf([1, -1])).toEqual(['[1]'])
    expect(pathsOf([1, -1], 'retry')).toEqual(['retry[1]'])
    expect(pathsOf({ delays: 'x' }, 'retry')).toEqual(['retry.delays'])
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    expect(pathsOf([1, , 3])).toEqual(['[1]'])
  })

  it('include an age shorter than the schedule, and a schedule longer than a year', () => {
    expect(pathsOf({ delays: [1000], maxAgeMs: 1099, jitter: 'positive' }, 'r')).toEqual(['r.maxAgeMs'])
    expect(pathsOf({ delays: [1000], maxAgeMs: 1100, jitter: 'positive' })).toEqual([])
    expect(pathsOf({ delays: [30 * DAY], maxAttempts: 14 }, 'r')).toEqual(['r'])
    expect(pathsOf({ delays: [], maxAttempts: 2 }, 'r')).toEqual(['r.delays'])
    expect(
      pathsOf(
        Array.from({ length: 1001 }, () => 0),
        'r',
      ),
    ).toEqual(['r'])
  })
})
