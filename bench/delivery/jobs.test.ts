import { describe, expect, it } from 'vitest'
import { makeBody, makeJob } from './jobs.ts'

describe('makeBody', () => {
  it('is 1 024 bytes of JSON that carry the number', () => {
    for (const seq of [0, 7, 19_999, 123_456_789]) {
      const body = makeBody(seq)
      expect(Buffer.byteLength(body)).toBe(1_024)
      expect(JSON.parse(body).seq).toBe(seq)
    }
  })
})

describe('makeJob', () => {
  it('spreads the jobs evenly over a hundred paths', () => {
    const urls = new Set(Array.from({ length: 300 }, (_, seq) => makeJob(seq, 'http://127.0.0.1:1').url))
    expect(urls.size).toBe(100)
  })
})
