import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HmacSha256, layContent } from './hmac.ts'

const prefix = fc.stringMatching(/^[!-~]{0,60}$/)

function expected(key: Uint8Array, start: string, body: Uint8Array | string): string {
  return createHmac('sha256', key).update(start).update(body).digest('base64')
}

describe('HmacSha256', () => {
  it('agrees with createHmac for any key, prefix and bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        prefix,
        fc.uint8Array({ maxLength: 3000 }),
        (key, start, body) => {
          expect(new HmacSha256(key).base64(layContent(start, body))).toBe(expected(key, start, body))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('agrees with createHmac for any text, lone surrogates included', () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 500 })
      .chain((s) => fc.constantFrom(s, `${s}\ud800`, `\udfff${s}`))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 64 }), prefix, text, (key, start, body) => {
        expect(new HmacSha256(key).base64(layContent(start, body))).toBe(expected(key, start, body))
      }),
    )
  })

  it.each([20_000, 65_535 - 64, 65_536 - 64, 65_537 - 64, 65_536, 300_000])(
    'agrees with createHmac around the size of the shared buffer: %i bytes',
    (size) => {
      const key = Buffer.alloc(32, 7)
      const bytes = Buffer.alloc(size, 0xe2)
      expect(new HmacSha256(key).base64(layContent('a.1.', bytes))).toBe(expected(key, 'a.1.', bytes))
      const text = '€'.repeat(size / 3)
      expect(new HmacSha256(key).base64(layContent('a.1.', text))).toBe(expected(key, 'a.1.', text))
    },
  )

  it('keeps nothing of an earlier, longer content', () => {
    const hmac = new HmacSha256(Buffer.alloc(24, 1))
    layContent('a.1.', 'x'.repeat(500))
    expect(hmac.base64(layContent('a.1.', 'y'))).toBe(expected(Buffer.alloc(24, 1), 'a.1.', 'y'))
  })

  it('signs one content under several keys', () => {
    const keys = [Buffer.alloc(24, 1), Buffer.alloc(64, 2), Buffer.alloc(40, 3)]
    const content = layContent('a.1.', 'body')
    for (const key of keys) expect(new HmacSha256(key).base64(content)).toBe(expected(key, 'a.1.', 'body'))
  })
})
