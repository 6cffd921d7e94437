import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isReservedHeader, parseCustomHeaders } from './custom-headers.ts'

const HOP_BY_HOP = [
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'expect'],
]
const OWN = [
  ...['user-agent', 'content-type', 'content-length', 'host', 'webhook-id', 'webhook-timestamp'],
  ...[
    'webhook-signature',
    'x-platform-signature',
    'x-event-type',
    'x-event-id',
    'x-request-id',
    'traceparent',
  ],
  ...['x-timeout-ms', 'x-retry-attempt', 'x-max-attempts', 'ce-id', 'ce-anything'],
]

describe('parseCustomHeaders', () => {
  it('accepts ordinary headers and makes their names lower case', () => {
    const result = parseCustomHeaders({ Authorization: 'Bearer x', 'X-Tenant': 'a\tb c', 'x-empty': '' })
    expect(result).toEqual({
      ok: true,
      value: { authorization: 'Bearer x', 'x-tenant': 'a\tb c', 'x-empty': '' },
    })
  })

  it.each([...HOP_BY_HOP, ...OWN])('refuses the reserved header %s in any case', (name) => {
    for (const spelled of [name, name.toUpperCase()]) {
      expect(isReservedHeader(spelled)).toBe(true)
      expect(parseCustomHeaders({ [spelled]: 'x' })).toMatchObject({
        ok: false,
        error: [{ path: `headers["${spelled}"]`, message: 'is a reserved header' }],
      })
    }
  })

  it.each(['', 'a b', 'a:b', 'ä', 'a\r\nb', 'a\0', '(x)'])('refuses the name %j', (name) => {
    expect(parseCustomHeaders({ [name]: 'x' })).toMatchObject({
      ok: false,
      error: [{ message: 'is not a header name' }],
    })
  })

  it.each(['a\r\nx-evil: 1', 'a\n', '\r', 'a\0', 'grüße', '\x7f', '\u2028'])(
    'refuses the value %j',
    (value) => {
      expect(parseCustomHeaders({ 'x-a': value }).ok).toBe(false)
    },
  )

  it.each([null, undefined, 'x', 1, [], [['a', 'b']]])('refuses %j as a whole', (input) => {
    expect(parseCustomHeaders(input, 'endpoint.headers')).toMatchObject({
      ok: false,
      error: [{ path: 'endpoint.headers' }],
    })
  })

  it('reports every mistake at once', () => {
    const result = parseCustomHeaders({
      Host: 'x',
      'x-a': 1,
      'x-b': 'a\nb',
      'X-C': 'x',
      'x-c': 'y',
      'x-d': { toString: 1 },
    })
    expect(!result.ok && result.error.map(({ path }) => path)).toEqual([
      ...['headers["Host"]', 'headers["x-a"]', 'headers["x-b"]', 'headers["x-c"]', 'headers["x-d"]'],
    ])
  })

  it('bounds their number and size', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']))
    expect(parseCustomHeaders(many(32)).ok).toBe(true)
    expect(parseCustomHeaders(many(33)).ok).toBe(false)
    expect(parseCustomHeaders({ x: 'v'.repeat(8 * 1024 - 1) }).ok).toBe(true)
    expect(parseCustomHeaders({ x: 'v'.repeat(8 * 1024) }).ok).toBe(false)
  })

  it('lets nothing through that Fetch would refuse', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 })), (input) => {
        const result = parseCustomHeaders(input)
        if (result.ok) expect(() => new Headers(Object.entries(result.value))).not.toThrow()
      }),
    )
  })
})
