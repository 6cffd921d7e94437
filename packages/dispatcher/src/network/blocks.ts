import { type Cidr, parseCidr } from './address.ts'

/**
 * IPv4 blocks that no webhook may reach: the entries of the IANA special-purpose registry (RFC 6890 and its updates)
 * that are not globally reachable, multicast and the reserved range.
 */
export const REFUSED_IPV4 = blocks([
  '0.0.0.0/8', // this network; 0.0.0.0 reaches the host itself on Linux
  '10.0.0.0/8', // private, RFC 1918
  '100.64.0.0/10', // carrier-grade NAT, RFC 6598
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, and the metadata services of the clouds
  '172.16.0.0/12', // private, RFC 1918
  '192.0.0.0/24', // protocol assignments, RFC 6890
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, RFC 7526
  '192.168.0.0/16', // private, RFC 1918
  '198.18.0.0/15', // benchmarking, RFC 2544
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, with the broadcast address
])

/** The only part of IPv6 that is assigned for global unicast; everything outside is refused. */
export const GLOBAL_IPV6 = block('2000::/3')

/** Special-purpose blocks inside {@link GLOBAL_IPV6}. The ones outside it need no entry: they are refused anyway. */
export const REFUSED_IPV6 = blocks([
  '2001::/23', // protocol assignments: Teredo, ORCHID, benchmarking
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: carries an IPv4 address of the sender's choice
  '3fff::/20', // documentation, RFC 9637
])

/** IPv4 inside IPv6, `::ffff:a.b.c.d`: the socket connects to the IPv4 address. */
export const MAPPED_IPV4 = block('::ffff:0:0/96')

/** The well-known prefix of NAT64 (RFC 6052): a translator connects to the IPv4 address in the last 32 bits. */
export const NAT64 = block('64:ff9b::/96')

function blocks(texts: readonly string[]): readonly Cidr[] {
  return texts.map(block)
}

function block(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new TypeError(`not a CIDR: ${text}`)
  return cidr
}
