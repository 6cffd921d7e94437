import { lookup } from 'node:dns/promises'
import { type Clock, systemClock } from '@posthorn/core'
import { createFairLookup, threadPoolSize } from './lookup-threads.ts'

/** One address of a host. */
export interface HostAddress {
  readonly address: string
  readonly family: number
}

/** Resolves a host name to all of its addresses; rejects with an error that has a DNS code (`ENOTFOUND`, `EAI_AGAIN`). */
export type ResolveHost = (hostname: string) => Promise<readonly HostAddress[]>

/**
 * The system's resolver (`getaddrinfo`): hosts file, search domains and all. Everything in the process shares its threads,
 * so names that have not shown to resolve quickly may hold half of them, see {@link createFairLookup}.
 */
export const systemResolve: ResolveHost = createFairLookup(
  (hostname) => lookup(hostname, { all: true, order: 'verbatim' }),
  { threads: threadPoolSize(process.env), clock: systemClock },
)

interface Answer {
  readonly addresses: Promise<readonly HostAddress[]>
  /** Monotonic milliseconds; infinite while the question is open. */
  expiresAt: number
}

const TTL_MS = 5_000
const FAILURE_TTL_MS = 1_000
const MAX_HOSTS = 1_000

/**
 * Remembers answers for a few seconds and asks once for many simultaneous connections to one host.
 *
 * `getaddrinfo` runs on the thread pool, where few may wait at the same time: without this, sixteen connections to
 * one host whose name server is silent would hold up the resolving of every other.
 */
export function createCachedResolver(resolve: ResolveHost, clock: Clock): ResolveHost {
  const answers = new Map<string, Answer>()
  return (hostname) => {
    const known = answers.get(hostname)
    if (known !== undefined && known.expiresAt > clock.monotonic()) return known.addresses
    answers.delete(hostname)
    const oldest = answers.size >= MAX_HOSTS ? answers.keys().next() : undefined
    if (oldest?.done === false) answers.delete(oldest.value)
    const addresses = resolve(hostname)
    const answer: Answer = { addresses, expiresAt: Number.POSITIVE_INFINITY }
    const keepFor = (ms: number) => () => {
      answer.expiresAt = clock.monotonic() + ms
    }
    addresses.then(keepFor(TTL_MS), keepFor(FAILURE_TTL_MS))
    answers.set(hostname, answer)
    return addresses
  }
}
