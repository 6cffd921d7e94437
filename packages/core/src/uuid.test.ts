import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalUuid, createUuidV7, uuidDigits, uuidv7, uuidv7Time } from './uuid.ts'

const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const MAX_TIME_MS = 2 ** 48 - 1

const times = fc.integer({ min: 0, max: 2 ** 45 })

describe('uuidv7', () => {
  it('has the canonical form, version and variant', () => {
    for (let i = 0; i < 1000; i++) expect(uuidv7()).toMatch(CANONICAL)
  })

  it('keeps form and strict order whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(times, { minLength: 2, maxLength: 200 }), (clock) => {
        let at = 0
        const generate = createUuidV7({ now: () => clock[at++] ?? 0 })
        const ids = clock.map(() => generate())
        for (const [i, id] of ids.entries()) {
          expect(id).toMatch(CANONICAL)
          if (i > 0) expect(id > (ids[i - 1] ?? '')).toBe(true)
        }
      }),
    )
  })

  it('carries the time of a clock that goes forward', () => {
    fc.assert(
      fc.property(fc.uniqueArray(times, { minLength: 1 }), (unsorted) => {
        const clock = unsorted.toSorted((a, b) => a - b)
        let at = 0
        const generate = createUuidV7({ now: () => clock[at++] ?? 0 })
        expect(clock.map(() => uuidv7Time(generate()))).toEqual(clock)
      }),
    )
  })

  it('keeps the last time while the clock is behind it', () => {
    let now = 5000
    const generate = createUuidV7({ now: () => now })
    generate()
    now = 10
    expect(uuidv7Time(generate())).toBe(5000)
    now = 5001
    expect(uuidv7Time(generate())).toBe(5001)
  })

  it('stays in order and unique for more ids than one millisecond can count', () => {
    const generate = createUuidV7({ now: () => 1_000 })
    const ids = Array.from({ length: 20_000 }, () => generate())
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(ids.toSorted())
    expect(uuidv7Time(ids.at(-1) ?? '')).toBeLessThan(1_010)
  })

  it('is monotonic over calls that bring a clock, without dragging the ids of others along', () => {
    const late = uuidv7({ now: () => MAX_TIME_MS - 1 })
    const back = uuidv7({ now: () => 0 })
    expect(back > late).toBe(true)
    expect(uuidv7Time(uuidv7())).toBeLessThan(Date.now() + 60_000)
  })

  it('takes its random bits from the caller', () => {
    const random = (n: number) => new Uint8Array(n).fill(0xff)
    const id = createUuidV7({ now: () => 0, random })()
    expect(id).toBe('00000000-0000-77ff-bfff-ffffffffffff')
  })

  it('treats a clock that is not a number as the epoch, and says when 48 bits are full', () => {
    expect(uuidv7Time(createUuidV7({ now: () => Number.NaN })())).toBe(0)
    const generate = createUuidV7({ now: () => Number.POSITIVE_INFINITY })
    expect(uuidv7Time(generate())).toBe(MAX_TIME_MS)
    expect(() => {
      for (let i = 0; i < 5000; i++) generate()
    }).toThrow(RangeError)
  })
})

describe('uuidv7Time', () => {
  it('refuses other versions and other text', () => {
    expect(() => uuidv7Time('936da01f-9abd-4d9d-80c7-02af85c822a8')).toThrow(TypeError)
    expect(() => uuidv7Time('')).toThrow(TypeError)
  })
})

describe('canonicalUuid', () => {
  it('reads a UUID with or without dashes, in any case', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(canonicalUuid(uuid.toUpperCase())).toBe(uuid)
        expect(canonicalUuid(uuid.replaceAll('-', ''))).toBe(uuid)
      }),
    )
  })

  it('refuses everything else', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        fc.pre(!/^[0-9a-f-]{32,36}$/i.test(text))
        expect(canonicalUuid(text)).toBeUndefined()
      }),
    )
    expect(canonicalUuid('936da01f-9abd-4d9d-80c702af85c822a8')).toBeUndefined()
  })
})

describe('uuidDigits', () => {
  it('gives the digits of any form that names the same UUID', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const digits = uuid.replaceAll('-', '').toLowerCase()
        expect(uuidDigits(uuid)).toBe(digits)
        expect(uuidDigits(uuid.toUpperCase())).toBe(digits)
        expect(uuidDigits(digits)).toBe(digits)
      }),
    )
  })
})
