import { describe, expect, it } from 'vitest'
import { attempt, call } from '../../test/records.ts'
import { recordBytes, responseBytes } from './record-bytes.ts'

describe('the size of a record', () => {
  it('grows with its texts and the names of what a strategy left, however deep they are', () => {
    const plain = recordBytes(call('1', { audit: {} }))
    const audited = recordBytes(call('1', { audit: { seed: 'abc', drawn: [{ name: 'Ada' }, 'B', null, 7] } }))
    const names = ['seed', 'drawn', '0', '1', '2', '3', 'name']
    expect(audited - plain).toBe(names.join('').length + 'abcAdaB'.length)
  })

  it('is found in bounded time, also of what is endless or refers to itself', () => {
    const endless: Record<string, unknown> = { text: 'x' }
    endless.self = endless
    expect(recordBytes(call('1', { audit: endless }))).toBeLessThan(1_000_000)
    const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`n${n}`, { n }]))
    expect(recordBytes(call('1', { audit: wide }))).toBeLessThan(1_000_000)
  })

  it('of a response is that of its body and its headers', () => {
    expect(responseBytes(attempt('1', { responseBody: 'abcde', responseHeaders: { x: 'yz' } }))).toBe(8)
    expect(responseBytes(attempt('1', { responseBody: null, responseHeaders: null }))).toBe(0)
  })
})
