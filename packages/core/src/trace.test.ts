import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from './trace.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

const hex = (length: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
    .filter((text) => !/^0+$/.test(text))

describe('traceparent', () => {
  it('round-trips', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        const context = { traceId, spanId, sampled }
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context)
      }),
    )
  })

  it('is written as the specification shows it', () => {
    expect(formatTraceparent({ traceId: TRACE, spanId: SPAN, sampled: true })).toBe(`00-${TRACE}-${SPAN}-01`)
    expect(formatTraceparent({ traceId: TRACE, spanId: SPAN, sampled: false })).toBe(`00-${TRACE}-${SPAN}-00`)
  })

  it('reads the sampled bit and ignores the other flags', () => {
    for (const [flags, sampled] of [
      ['00', false],
      ['01', true],
      ['02', false],
      ['03', true],
      ['fe', false],
      ['ff', true],
    ] as const) {
      expect(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)).toEqual({
        traceId: TRACE,
        spanId: SPAN,
        sampled,
      })
    }
  })

  it('reads later versions by their first four fields', () => {
    const context = { traceId: TRACE, spanId: SPAN, sampled: true }
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01`)).toEqual(context)
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)).toEqual(context)
    expect(parseTraceparent(`fe-${TRACE}-${SPAN}-01-`)).toEqual(context)
  })

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['upper-case version', `CC-${TRACE}-${SPAN}-01`],
    ['more fields in version 00', `00-${TRACE}-${SPAN}-01-more`],
    ['a dash at the end of version 00', `00-${TRACE}-${SPAN}-01-`],
    ['text behind the flags of a later version', `cc-${TRACE}-${SPAN}-01.what`],
    ['a missing field', `00-${TRACE}-${SPAN}`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long span id', `00-${TRACE}-${SPAN}0-01`],
    ['flags that are no digits', `00-${TRACE}-${SPAN}-0x`],
    ['space around it', ` 00-${TRACE}-${SPAN}-01`],
  ])('is invalid: %s', (_, header) => {
    expect(parseTraceparent(header)).toBeUndefined()
  })

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const context = parseTraceparent(text)
        expect(context === undefined || text.includes(context.traceId)).toBe(true)
      }),
    )
  })
})

describe('new ids', () => {
  it('have their length and differ', () => {
    const traces = Array.from({ length: 500 }, () => newTraceId())
    const spans = Array.from({ length: 500 }, () => newSpanId())
    expect(new Set(traces).size).toBe(500)
    expect(new Set(spans).size).toBe(500)
    expect(traces.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true)
    expect(spans.every((id) => /^[0-9a-f]{16}$/.test(id))).toBe(true)
  })
})
