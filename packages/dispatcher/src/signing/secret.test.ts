import { generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateSecret, parseSecret, publicKeyOf } from './secret.ts'

describe('generateSecret', () => {
  it('makes a 32-byte symmetric secret that differs each time', () => {
    const secrets = new Set(Array.from({ length: 100 }, () => generateSecret('v1').secret))
    expect(secrets.size).toBe(100)
    for (const secret of secrets) {
      const parsed = parseSecret(secret)
      expect(parsed.ok && parsed.value.version === 'v1' && parsed.value.key.length).toBe(32)
    }
  })

  it('makes an asymmetric pair whose halves belong together', () => {
    const { secret, publicKey } = generateSecret('v1a')
    const privateHalf = parseSecret(secret)
    const publicHalf = parseSecret(publicKey ?? '')
    if (
      !privateHalf.ok ||
      privateHalf.value.version !== 'v1a' ||
      privateHalf.value.privateKey === undefined
    ) {
      throw new Error('not a private key')
    }
    if (!publicHalf.ok || publicHalf.value.version !== 'v1a') throw new Error('not a public key')
    const signature = sign(null, Buffer.from('text'), privateHalf.value.privateKey)
    expect(verify(null, Buffer.from('text'), publicHalf.value.publicKey, signature)).toBe(true)
    expect(publicHalf.value.privateKey).toBeUndefined()
    expect(publicKeyOf(secret)).toBe(publicKey)
  })

  it('uses the random bytes it is given', () => {
    const zeros = (n: number) => new Uint8Array(n)
    expect(generateSecret('v1', zeros).secret).toBe(`whsec_${Buffer.alloc(32).toString('base64')}`)
    expect(generateSecret('v1a', zeros)).toEqual(generateSecret('v1a', zeros))
    expect(() => generateSecret('v1', () => new Uint8Array(3))).toThrow(RangeError)
  })

  it('derives the same public key as node does from its own pairs', () => {
    const pair = generateKeyPairSync('ed25519')
    const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
    const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
    expect(generateSecret('v1a', () => seed).publicKey).toBe(`whpk_${raw.toString('base64')}`)
  })
})

describe('parseSecret', () => {
  it('reads every key of 24 to 64 bytes, padded or not, with its prefix or without', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.boolean(),
        fc.boolean(),
        (key, pads, bare) => {
          const base64 = Buffer.from(key).toString('base64')
          const parsed = parseSecret((bare ? '' : 'whsec_') + (pads ? base64 : base64.replace(/=+$/, '')))
          expect(parsed.ok && parsed.value.version === 'v1' && parsed.value.key.equals(key)).toBe(true)
        },
      ),
    )
  })

  it('never throws, and never repeats the secret', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', 'whsec_', 'whsk_', 'whpk_'),
        fc.string({ minLength: 8 }),
        (start, rest) => {
          const parsed = parseSecret(start + rest)
          if (!parsed.ok) expect(parsed.error).not.toContain(rest)
        },
      ),
    )
  })

  it('has no public key for what is not asymmetric', () => {
    expect(publicKeyOf(generateSecret('v1').secret)).toBeUndefined()
    expect(publicKeyOf('whsk_nonsense')).toBeUndefined()
  })
})
