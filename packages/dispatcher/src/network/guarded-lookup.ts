import type { LookupFunction } from 'node:net'
import { BLOCKED_MESSAGE, type NetworkPolicy } from './network-policy.ts'
import type { HostAddress, ResolveHost } from './resolver.ts'

/** A connection was refused by the network policy. Carries neither the address nor how it was found. */
export class BlockedAddressError extends Error {
  readonly code = 'BLOCKED'

  constructor() {
    super(BLOCKED_MESSAGE)
    this.name = 'BlockedAddressError'
  }
}

/**
 * A `lookup` for `net.connect` and `tls.connect` that hands out only checked addresses: all records of the name are
 * resolved, one refused record refuses the name, and the socket connects to exactly the records that were checked, so
 * that a second answer of the name server cannot differ (DNS rebinding). Node does not call it for address literals.
 *
 * @param onResolved called with the addresses' arrival, for timing
 */
export function guardedLookup(
  policy: NetworkPolicy,
  resolve: ResolveHost,
  onResolved: () => void,
): LookupFunction {
  return (hostname, options, callback) => {
    const fail = (error: NodeJS.ErrnoException) => callback(error, [])
    resolve(hostname).then(
      (addresses) => {
        onResolved()
        const wanted = ofFamily(addresses, options.family)
        const [first] = wanted
        if (addresses.some(({ address }) => !policy.checkAddress(address))) fail(new BlockedAddressError())
        else if (first === undefined) fail(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }))
        else if (options.all) callback(null, [...wanted])
        else callback(null, first.address, first.family)
      },
      (error) => fail(error),
    )
  }
}

function ofFamily(addresses: readonly HostAddress[], family: unknown): readonly HostAddress[] {
  if (family === 4 || family === 'IPv4') return addresses.filter((one) => one.family === 4)
  if (family === 6 || family === 'IPv6') return addresses.filter((one) => one.family === 6)
  return addresses
}
