import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hmacSha256 } from './hmac-sha256.ts'

const byNode = (key: Uint8Array, bytes: Uint8Array) => createHmac('sha256', key).update(bytes).digest('hex')

it('is what RFC 4231 says it is', () => {
  // Its test case 2.
  expect(hmacSha256(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?')).toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})

it('is what node makes of any bytes, with any key that fits', () => {
  const key = fc.uint8Array({ maxLength: 64 })
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 1_000 }), (key, bytes) => {
      expect(hmacSha256(key, bytes).toString('hex')).toBe(byNode(key, bytes))
    }),
  )
})

it('is so for each length around the ends of blocks', () => {
  const key = Buffer.alloc(32, 7)
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i)
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length)
    expect(hmacSha256(key, part).toString('hex')).toBe(byNode(key, part))
  }
})

it('refuses a key that is longer than a block', () => {
  expect(() => hmacSha256(new Uint8Array(65), new Uint8Array())).toThrow('more than 64 bytes')
})
