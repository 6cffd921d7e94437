import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toStorableText } from './storable-text.ts'

describe('toStorableText', () => {
  it.each([
    ['plain', 'plain'],
    ['grüße 📯', 'grüße 📯'],
    ['a\0b\0', 'a\uFFFDb\uFFFD'],
    ['\ud800x\udfff', '\uFFFDx\uFFFD'],
    [Uint8Array.of(0x61, 0, 0x62), 'a\uFFFDb'],
    [Uint8Array.of(0xff, 0xfe, 0x41), '\uFFFD\uFFFDA'],
    [Uint8Array.of(0xef, 0xbb, 0xbf, 0x41), '\uFEFFA'],
    [Buffer.from('€').subarray(0, 2), '\uFFFD'],
    ['', ''],
  ])('turns %j into %j', (input, text) => {
    expect(toStorableText(input)).toBe(text)
  })

  it('makes anything valid UTF-8 without NUL, and leaves what is valid alone', () => {
    const input = fc.oneof(
      fc.uint8Array(),
      fc.string({ unit: 'binary' }),
      fc.uint8Array().map((b) => Buffer.from(b).toString('utf16le')),
    )
    fc.assert(
      fc.property(input, (given) => {
        const text = toStorableText(given)
        expect(text).not.toContain('\0')
        expect(Buffer.from(text).toString()).toBe(text)
        expect(toStorableText(text)).toBe(text)
      }),
    )
  })
})
