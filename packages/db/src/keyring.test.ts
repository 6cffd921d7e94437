import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKeyring, generateEncryptionKey } from './keyring.ts'

const ring = createKeyring(generateEncryptionKey())
const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed())
const unreadable = expect.objectContaining({ code: 'secret_unreadable' })

describe('keyring', () => {
  it('opens what it sealed, whatever it was', () => {
    fc.assert(
      fc.property(text, text, (secret, context) => {
        expect(ring.open(ring.seal(secret, context), context)).toBe(secret)
      }),
    )
  })

  it('seals the same secret differently each time, and never in the clear', () => {
    const [first, second] = [ring.seal('whsec_abc', 'c'), ring.seal('whsec_abc', 'c')]
    expect(first.equals(second)).toBe(false)
    expect(first.includes('whsec_abc')).toBe(false)
  })

  it('opens nothing in another context', () => {
    fc.assert(
      fc.property(text, text, text, (secret, context, other) => {
        fc.pre(context !== other)
        expect(() => ring.open(ring.seal(secret, context), other)).toThrow(unreadable)
      }),
    )
  })

  it('opens nothing of which a bit was changed', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 0, max: 7 }), (secret, at, bit) => {
        const sealed = ring.seal(secret, 'c')
        const index = at % sealed.length
        sealed[index] = (sealed[index] ?? 0) ^ (1 << bit)
        expect(() => ring.open(sealed, 'c')).toThrow(unreadable)
      }),
    )
  })

  it('opens nothing that was cut short, also where only a piece of the tag is left', () => {
    fc.assert(
      fc.property(text, fc.nat(), (secret, at) => {
        const sealed = ring.seal(secret, 'c')
        expect(() => ring.open(sealed.subarray(0, at % sealed.length), 'c')).toThrow(unreadable)
      }),
    )
    const empty = ring.seal('', 'c')
    for (let length = 0; length < empty.length; length += 1) {
      expect(() => ring.open(empty.subarray(0, length), 'c'), `${length} bytes`).toThrow(unreadable)
    }
  })

  it('seals with the newest key and opens with each of them', () => {
    const [older, newer] = [generateEncryptionKey(), generateEncryptionKey()]
    const before = createKeyring(older).seal('secret', 'c')
    const both = createKeyring(`${newer}, ${older}`)
    expect(both.open(before, 'c')).toBe('secret')
    expect(createKeyring(newer).open(both.seal('secret', 'c'), 'c')).toBe('secret')
    expect(() => createKeyring(newer).open(before, 'c')).toThrow(unreadable)
  })

  it('says nothing about keys or secrets when it cannot open', () => {
    const key = generateEncryptionKey()
    const sealed = createKeyring(key).seal('the plain secret', 'c')
    const material = key.split(':')[1] ?? ''
    const errors = [
      () => createKeyring(key).open(sealed, 'another context'),
      () => ring.open(sealed, 'c'),
      () => createKeyring(key).open(sealed.subarray(0, 20), 'c'),
    ].map(caught)
    for (const error of errors) {
      const words = `${error} ${String(error.cause)} ${error.stack} ${JSON.stringify(error)}`
      expect(words).not.toContain(material)
      expect(words).not.toContain('plain secret')
    }
  })

  it('names bad entries by their position, all at once, and never by their content', () => {
    const good = generateEncryptionKey()
    const error = caught(() => createKeyring(`${good},nonsense,short:${'A'.repeat(20)}`))
    expect(error).toMatchObject({
      code: 'validation',
      issues: [{ path: 'POSTHORN_ENCRYPTION_KEYS[1]' }, { path: 'POSTHORN_ENCRYPTION_KEYS[2]' }],
    })
    expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/nonsense|AAAA/)
    expect(() => createKeyring('')).toThrow(expect.objectContaining({ code: 'validation' }))
  })

  it('refuses two keys of one name: what the first sealed could not be opened', () => {
    const [first, second] = [generateEncryptionKey(), generateEncryptionKey()]
    const sameName = `${first},${first.split(':')[0]}:${second.split(':')[1]}`
    expect(() => createKeyring(sameName)).toThrow(
      expect.objectContaining({
        code: 'validation',
        issues: [expect.objectContaining({ path: 'POSTHORN_ENCRYPTION_KEYS[1]' })],
      }),
    )
  })
})

function caught(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
