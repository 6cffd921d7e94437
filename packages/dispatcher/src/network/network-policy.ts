import { err, ok, type Result, ValidationError, type ValidationIssue } from '@posthorn/core'
import { type Address, type Cidr, contains, parseAddress, parseCidr } from './address.ts'
import { GLOBAL_IPV6, MAPPED_IPV4, NAT64, REFUSED_IPV4, REFUSED_IPV6 } from './blocks.ts'

/** Which addresses and URLs requests may go to. */
export interface NetworkPolicy {
  /**
   * Whether a socket may connect to this address (a literal, IPv4 or IPv6). Text that is no address is refused.
   */
  checkAddress(ip: string): boolean
  /**
   * Whether the URL may be an endpoint: http or https, at most 2 048 characters, no user name or password, no port 0,
   * and no address literal (in whatever notation) or localhost name that is refused. Names are resolved and checked
   * when the socket connects, not here.
   *
   * @param path where the issues say that the mistake is; `url` unless given
   */
  checkUrl(url: string, path?: string): Result<URL, ValidationIssue[]>
}

/** The longest URL of an endpoint, in characters. */
export const MAX_URL_LENGTH = 2048

/** The one sentence said about every refused address, whatever it is and however the refusal came about. */
export const BLOCKED_MESSAGE = 'The address is not allowed by the network policy'

/** What an owner of a private network does about it. */
const ALLOWED =
  'a public address, or one in allowedCidrs (POSTHORN_ALLOWED_CIDRS of a service, --allow-private-network of posthorn dev)'

/**
 * Makes a network policy: everything that is not public unicast is refused, except the blocks given.
 *
 * @param options.allowedCidrs blocks that are allowed though private or reserved, such as `10.1.0.0/16` or
 *   `127.0.0.0/8`; an IPv4 block also covers its IPv4-mapped and NAT64 forms
 * @throws ValidationError naming each entry that is not a CIDR
 */
export function createNetworkPolicy(
  options: { readonly allowedCidrs?: readonly string[] } = {},
): NetworkPolicy {
  const allowed = parseAllowed(options.allowedCidrs ?? [])
  const checkAddress = (ip: string): boolean => {
    const address = parseAddress(ip)
    return address !== undefined && isAllowed(address, allowed)
  }
  return { checkAddress, checkUrl: (url, path = 'url') => checkUrl(url, path, checkAddress) }
}

function isAllowed(address: Address, allowed: readonly Cidr[]): boolean {
  if (allowed.some((cidr) => contains(cidr, address))) return true
  if (address.family === 4) return !REFUSED_IPV4.some((cidr) => contains(cidr, address))
  if (contains(MAPPED_IPV4, address) || contains(NAT64, address)) return isAllowed(lastIpv4(address), allowed)
  if (!contains(GLOBAL_IPV6, address) || REFUSED_IPV6.some((cidr) => contains(cidr, address))) return false
  return !isIsatap(address) || isAllowed(lastIpv4(address), allowed)
}

function lastIpv4(address: Address): Address {
  return { family: 4, bits: address.bits & 0xffffffffn }
}

/** ISATAP (RFC 5214): an interface identifier 0000:5efe or 0200:5efe in front of the IPv4 address of a tunnel. */
function isIsatap(address: Address): boolean {
  return ((address.bits >> 32n) & 0xfdffffffn) === 0x5efen
}

function checkUrl(
  text: string,
  path: string,
  checkAddress: (ip: string) => boolean,
): Result<URL, ValidationIssue[]> {
  if (text.length > MAX_URL_LENGTH) {
    return err([{ path, message: `is longer than ${MAX_URL_LENGTH} characters` }])
  }
  const url = URL.parse(text)
  if (url === null) return err([{ path, message: 'is not a URL', expected: 'https://example.com/path' }])
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return err([{ path, message: 'does not begin with http:// or https://', expected: 'http or https' }])
  }
  const issues: ValidationIssue[] = []
  if (url.username !== '' || url.password !== '') {
    issues.push({ path, message: 'contains a user name or password', expected: 'credentials in a header' })
  }
  if (url.port === '0') issues.push({ path, message: 'has port 0' })
  if (!literalIsAllowed(url.hostname, checkAddress))
    issues.push({ path, message: BLOCKED_MESSAGE, expected: ALLOWED })
  return issues.length === 0 ? ok(url) : err(issues)
}

/** Judges hosts that need no DNS: literals, which the URL parser has made canonical, and the names of loopback. */
function literalIsAllowed(hostname: string, checkAddress: (ip: string) => boolean): boolean {
  if (/^(.+\.)?localhost\.?$/.test(hostname)) return checkAddress('127.0.0.1') || checkAddress('::1')
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return parseAddress(literal) === undefined || checkAddress(literal)
}

function parseAllowed(texts: readonly string[]): Cidr[] {
  const issues: ValidationIssue[] = []
  const cidrs = texts.flatMap((text, index) => {
    const cidr = parseCidr(text.trim())
    if (cidr !== undefined) return [cidr]
    issues.push({
      path: `allowedCidrs[${index}]`,
      message: 'is not a block of addresses',
      expected: 'a CIDR such as 10.0.0.0/8 or fd00::/8, with zero bits behind the prefix',
    })
    return []
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return cidrs
}
