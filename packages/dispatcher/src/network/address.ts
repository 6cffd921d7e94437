import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as a number of 32 or 128 bits. */
export interface Address {
  readonly family: 4 | 6
  readonly bits: bigint
}

/** A block of addresses: those whose first `prefix` bits are those of `bits`. */
export interface Cidr extends Address {
  readonly prefix: number
}

/** Bits in an address of the family. */
export function widthOf(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128
}

/**
 * Parses an address literal: dotted decimal, or any form of IPv6 with or without a zone (`fe80::1%eth0`).
 * The loose forms of IPv4 (`127.1`, `0x7f.1`, `2130706433`) are not addresses here; the URL parser turns them into
 * dotted decimal before.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, bits: ipv4Bits(text) }
  if (isIPv6(text)) return { family: 6, bits: ipv6Bits(text) }
  return undefined
}

/** Parses `10.0.0.0/8` or `fc00::/7`; a bare address is a block of one. Bits behind the prefix must be zero. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text)
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1])
  if (match === null || address === undefined) return undefined
  const width = widthOf(address.family)
  const prefix = match[2] === undefined ? width : Number(match[2])
  if (prefix > width || address.bits & ((1n << BigInt(width - prefix)) - 1n)) return undefined
  return { ...address, prefix }
}

/** Whether the block holds the address. Addresses of the other family are never inside. */
export function contains(cidr: Cidr, address: Address): boolean {
  if (cidr.family !== address.family) return false
  const shift = BigInt(widthOf(cidr.family) - cidr.prefix)
  return cidr.bits >> shift === address.bits >> shift
}

function ipv4Bits(text: string): bigint {
  return BigInt(text.split('.').reduce((bits, octet) => bits * 256 + Number(octet), 0))
}

function ipv6Bits(text: string): bigint {
  const withoutZone = text.replace(/%.*$/, '')
  const dotted = /[^:]*\.[^:]*$/.exec(withoutZone)?.[0]
  const hex = dotted === undefined ? withoutZone : withoutZone.replace(dotted, asGroups(ipv4Bits(dotted)))
  const [head = '', tail] = hex.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}

function asGroups(bits: bigint): string {
  return `${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`
}
