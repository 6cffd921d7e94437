import type { DispatchResult } from '@posthorn/dispatcher'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stage } from '../../test/delegators.ts'
import { failed } from '../../test/fake-dispatcher.ts'

/** What is on record of a request that failed with these headers. */
async function recordOf(responseHeaders: Record<string, string>, more: Partial<DispatchResult> = {}) {
  const result = failed('http_4xx', 'permanent', { status: 400, responseHeaders, ...more })
  const { time, log, delegator } = stage([{ afterMs: 1, result }])
  await time.run(delegator.call('app', 'quiz_answer', {}))
  await time.run(delegator.close())
  const [attempt] = log.attempts
  if (attempt === undefined) throw new Error('no attempt is on record')
  return attempt
}

const bytesOf = (headers: object) =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0)

describe('attemptRecord', () => {
  it('keeps the headers of a failure as they are, without credentials', async () => {
    const attempt = await recordOf({
      'content-type': 'text/html',
      'set-cookie': 'id=1',
      'x-city': 'K\u00f6ln',
    })
    expect(attempt.responseHeaders).toEqual({
      ...{ 'content-type': 'text/html', 'set-cookie': '[REDACTED]', 'x-city': 'K\u00f6ln' },
    })
    expect(attempt.responseTruncated).toBe(false)
  })

  it('cuts a long header, keeps those behind it, and says so', async () => {
    const attempt = await recordOf({ 'x-long': 'a'.repeat(15_000), 'retry-after': '7' })
    expect(attempt.responseHeaders).toEqual({ 'x-long': 'a'.repeat(1_018), 'retry-after': '7' })
    expect(attempt.responseTruncated).toBe(true)
  })

  it('keeps no more than 4 KiB of them', async () => {
    const many = Array.from({ length: 1_000 }, (_, n): [string, string] => [`x-${n}`, 'b'.repeat(10)])
    const attempt = await recordOf(Object.fromEntries(many))
    expect(bytesOf(attempt.responseHeaders ?? {})).toBeGreaterThan(4_000)
    expect(bytesOf(attempt.responseHeaders ?? {})).toBeLessThanOrEqual(4_096)
    expect(attempt.responseHeaders).toMatchObject({ 'x-0': 'b'.repeat(10) })
    expect(attempt.responseTruncated).toBe(true)
  })

  it('stores headers of any kind in little, without a credential', async () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2_000 }),
      fc.constant(`${'n'.repeat(2_000)}-token`),
    )
    const headers = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 6_000 }))
    await fc.assert(
      fc.asyncProperty(headers, async (given) => {
        const { responseHeaders } = await recordOf({ ...given, 'x-token': 'hunter2' })
        const stored = JSON.stringify(responseHeaders)
        expect(stored).not.toContain('hunter2')
        expect(stored).not.toContain('\\u0000')
        // What replaces a cut character may be longer by a little.
        expect(bytesOf(responseHeaders ?? {})).toBeLessThanOrEqual(3 * 4_096)
      }),
      { numRuns: 50 },
    )
  })
})
