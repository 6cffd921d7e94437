import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIdempotencyKey } from './idempotency-key.ts'

const visible = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 200,
})

describe('parseIdempotencyKey', () => {
  it('reads what a quoted string holds', () => {
    fc.assert(
      fc.property(visible, (key) => {
        const quoted = `"${key.replaceAll(/["\\]/g, '\\$&')}"`
        expect(parseIdempotencyKey(quoted)).toEqual({ ok: true, value: key })
      }),
    )
  })

  it('reads a bare token as it is', () => {
    fc.assert(
      fc.property(
        visible.filter((key) => !key.includes('"')),
        (key) => {
          expect(parseIdempotencyKey(key)).toEqual({ ok: true, value: key })
        },
      ),
    )
  })

  it('is absent without a header, and never throws', () => {
    expect(parseIdempotencyKey(undefined)).toEqual({ ok: true, value: undefined })
    fc.assert(fc.property(fc.string(), (header) => typeof parseIdempotencyKey(header).ok === 'boolean'))
  })
})
