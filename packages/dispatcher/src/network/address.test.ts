import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, parseAddress, parseCidr } from './address.ts'

const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })

describe('parseAddress', () => {
  it('reads every IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const bits = parseAddress(text)?.bits ?? -1n
        const octets = [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn)
        expect(octets.join('.')).toBe(text)
      }),
    )
  })

  it('reads every IPv6 address in its long form, and as the URL parser shortens it', () => {
    fc.assert(
      fc.property(groups, (parts) => {
        const expected = parts.reduce((bits, part) => (bits << 16n) | BigInt(part), 0n)
        const long = parts.map((part) => part.toString(16)).join(':')
        expect(parseAddress(long)).toEqual({ family: 6, bits: expected })
        const short = new URL(`http://[${long}]/`).hostname.slice(1, -1)
        expect(parseAddress(short)).toEqual({ family: 6, bits: expected })
      }),
    )
  })

  it('never throws, and agrees with the URL parser on any form of IPv6', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1)
        expect(parseAddress(text)).toEqual(parseAddress(canonical))
      }),
    )
  })

  it.each([
    ['::', 0n],
    ['::1', 1n],
    ['::ffff:127.0.0.1', 0xffff_7f00_0001n],
    ['64:ff9b::10.0.0.1', 0x0064_ff9b_0000_0000_0000_0000_0a00_0001n],
    ['1:2:3:4:5:6:1.2.3.4', 0x0001_0002_0003_0004_0005_0006_0102_0304n],
    ['1::', 1n << 112n],
    ['FE80::1%eth0', (0xfe80n << 112n) | 1n],
  ])('reads %s', (text, bits) => {
    expect(parseAddress(text)).toEqual({ family: 6, bits })
  })

  it.each([
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '1.2.3.4.5',
    '[::1]',
    ':::',
    '::1::',
  ])('does not take %j for an address', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

describe('parseCidr', () => {
  it.each(['10.0.0.0/8', '0.0.0.0/0', '::/0', '192.0.2.1', '192.0.2.1/32', 'fd00::/8', '::1/128'])(
    'reads %s',
    (text) => {
      expect(parseCidr(text)).toBeDefined()
    },
  )

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.1/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%eth0',
    'a/8',
  ])('refuses %j', (text) => {
    expect(parseCidr(text)).toBeUndefined()
  })

  it('holds exactly the addresses that share its prefix', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32 }), fc.ipV4(), fc.ipV4(), (prefix, inside, other) => {
        const a = parseAddress(inside)
        const b = parseAddress(other)
        if (a === undefined || b === undefined) throw new Error('fast-check gave no address')
        const shift = BigInt(32 - prefix)
        const cidr = { family: 4, bits: (a.bits >> shift) << shift, prefix } as const
        expect(contains(cidr, a)).toBe(true)
        expect(contains(cidr, b)).toBe((b.bits ^ a.bits) < 1n << shift)
      }),
    )
  })

  it('keeps the families apart', () => {
    const cidr = parseCidr('0.0.0.0/0')
    const address = parseAddress('::1')
    expect(cidr && address && contains(cidr, address)).toBe(false)
  })
})
