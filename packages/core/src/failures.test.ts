import { describe, expect, it } from 'vitest'
import {
  classifyStatus,
  countsForCircuit,
  FAILURE_CLASSES,
  type FailureClass,
  type Verdict,
  verdictOf,
} from './failures.ts'

const TABLE: Record<FailureClass, [Verdict, boolean]> = {
  timeout: ['retryable', true],
  connection: ['retryable', true],
  dns: ['retryable', true],
  tls: ['retryable', true],
  http_408: ['retryable', false],
  http_425: ['retryable', false],
  http_429: ['retryable', false],
  http_5xx: ['retryable', true],
  http_3xx: ['permanent', false],
  http_4xx: ['permanent', false],
  http_410: ['permanent', false],
  blocked: ['permanent', false],
  invalid_response: ['permanent', true],
  internal: ['requeue', false],
  shutdown: ['requeue', false],
}

function expectedOf(status: number): [Verdict, FailureClass?] {
  if (status < 200) return ['permanent', 'invalid_response']
  if (status < 300) return ['success']
  if (status < 400) return ['permanent', 'http_3xx']
  if (status === 408) return ['retryable', 'http_408']
  if (status === 410) return ['permanent', 'http_410']
  if (status === 425) return ['retryable', 'http_425']
  if (status === 429) return ['retryable', 'http_429']
  if (status < 500) return ['permanent', 'http_4xx']
  return ['retryable', 'http_5xx']
}

describe('classifyStatus', () => {
  it('knows every status from 100 to 599', () => {
    for (let status = 100; status <= 599; status++) {
      const [verdict, failure] = expectedOf(status)
      expect({ status, ...classifyStatus(status) }).toEqual({ status, verdict, ...(failure && { failure }) })
    }
  })

  it('takes exactly the given success codes, and 2xx when none are given', () => {
    expect(classifyStatus(302, [302])).toEqual({ verdict: 'success' })
    expect(classifyStatus(404, [200, 404])).toEqual({ verdict: 'success' })
    expect(classifyStatus(500, [500])).toEqual({ verdict: 'success' })
    expect(classifyStatus(204, [])).toEqual({ verdict: 'success' })
    expect(classifyStatus(202, [200])).toEqual({ verdict: 'permanent', failure: 'invalid_response' })
    expect(classifyStatus(503, [200])).toEqual({ verdict: 'retryable', failure: 'http_5xx' })
  })

  it.each([0, -1, 99, 600, 999, Number.NaN, Number.POSITIVE_INFINITY])(
    'calls %d an invalid response',
    (status) => {
      expect(classifyStatus(status)).toEqual({ verdict: 'permanent', failure: 'invalid_response' })
    },
  )
})

describe('failure classes', () => {
  it.each(Object.entries(TABLE))('%s', (failure, [verdict, counts]) => {
    expect(verdictOf(failure as FailureClass)).toBe(verdict)
    expect(countsForCircuit(failure as FailureClass)).toBe(counts)
  })

  it('are all listed', () => {
    expect([...FAILURE_CLASSES]).toEqual(Object.keys(TABLE))
  })
})
