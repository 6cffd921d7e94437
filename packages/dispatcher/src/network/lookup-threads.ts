import type { Clock } from '@posthorn/core'
import type { ResolveHost } from './resolver.ts'

/** What {@link createFairLookup} shares out. */
export interface LookupThreads {
  /** Threads of the pool that `getaddrinfo` runs on. */
  readonly threads: number
  readonly clock: Clock
}

/** A look-up that waits for a thread. */
interface Waiting {
  readonly since: number
  start(): void
  refuse(): void
}

/** A look-up that took longer has shown that its name may hold a thread. */
const SLOW_MS = 1_000
/** For how long a quick answer speaks for a name. */
const PROVEN_MS = 600_000
const MAX_PROVEN = 10_000
/** Nobody waits that long for a connection: asking would be in vain. */
const MAX_WAIT_MS = 30_000
const MAX_WAITING = 1_000

/** Threads of libuv's pool (https://docs.libuv.org/en/v1.x/threadpool.html): `UV_THREADPOOL_SIZE`, 4 unless set. */
export function threadPoolSize(env: Readonly<Record<string, string | undefined>>): number {
  const size = Number.parseInt(env['UV_THREADPOOL_SIZE'] ?? '4', 10)
  return Math.min(1_024, Math.max(1, Number.isNaN(size) ? 1 : size))
}

/**
 * Keeps half of the threads free for names that resolve. A name server that says nothing holds a thread for many seconds,
 * and a few of its names would hold all: names without a quick answer in the last ten minutes share the other half (at
 * least one thread), domains in turn, and none of several threads is left to one domain alone.
 *
 * A look-up that has waited for half a minute, or that is one of more than a thousand waiting, is rejected with
 * `EAI_AGAIN`.
 */
export function createFairLookup(lookup: ResolveHost, { threads, clock }: LookupThreads): ResolveHost {
  const turns = new Turns(Math.max(1, Math.floor(threads / 2)), clock)
  const provenUntil = new Map<string, number>()

  const ask: ResolveHost = async (hostname) => {
    const startedAt = clock.monotonic()
    provenUntil.delete(hostname)
    const addresses = await lookup(hostname)
    const now = clock.monotonic()
    if (now - startedAt <= SLOW_MS) {
      const oldest = provenUntil.size >= MAX_PROVEN ? provenUntil.keys().next() : undefined
      if (oldest?.done === false) provenUntil.delete(oldest.value)
      provenUntil.set(hostname, now + PROVEN_MS)
    }
    return addresses
  }
  return (hostname) => {
    const isProven = (provenUntil.get(hostname) ?? 0) > clock.monotonic()
    return isProven ? ask(hostname) : turns.take(domainOf(hostname), () => ask(hostname))
  }
}

/** Threads that are taken in turn by those who want one, each in the name of a group. */
class Turns {
  readonly #limit: number
  readonly #limitOfGroup: number
  readonly #clock: Clock
  /** The group whose turn is next comes first. */
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #running = new Map<string, number>()
  #waitingCount = 0
  #runningCount = 0

  constructor(limit: number, clock: Clock) {
    this.#limit = limit
    this.#limitOfGroup = Math.max(1, limit - 1)
    this.#clock = clock
  }

  take<T>(group: string, run: () => Promise<T>): Promise<T> {
    if (this.#waitingCount >= MAX_WAITING) return Promise.reject(busy())
    return new Promise<T>((resolve, reject) => {
      const start = () => {
        this.#count(group, 1)
        const end = () => {
          this.#count(group, -1)
          this.#startNext()
        }
        run().finally(end).then(resolve, reject)
      }
      const line = this.#waiting.get(group) ?? []
      line.push({ since: this.#clock.monotonic(), start, refuse: () => reject(busy()) })
      this.#waiting.set(group, line)
      this.#waitingCount++
      this.#startNext()
    })
  }

  #startNext(): void {
    for (const [group, line] of [...this.#waiting]) {
      if (this.#runningCount >= this.#limit) return
      if ((this.#running.get(group) ?? 0) >= this.#limitOfGroup) continue
      const next = this.#nextOf(line)
      this.#waiting.delete(group)
      if (line.length > 0) this.#waiting.set(group, line)
      next?.start()
    }
  }

  #nextOf(line: Waiting[]): Waiting | undefined {
    for (let next = line.shift(); next !== undefined; next = line.shift()) {
      this.#waitingCount--
      if (this.#clock.monotonic() - next.since <= MAX_WAIT_MS) return next
      next.refuse()
    }
    return undefined
  }

  #count(group: string, change: number): void {
    this.#runningCount += change
    const running = (this.#running.get(group) ?? 0) + change
    if (running > 0) this.#running.set(group, running)
    else this.#running.delete(group)
  }
}

/** The last two labels: names below are mostly answered by the same name servers. */
function domainOf(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '').split('.').slice(-2).join('.')
}

function busy(): Error {
  const message = 'Too many names are being looked up whose name servers do not answer'
  return Object.assign(new Error(message), { code: 'EAI_AGAIN' })
}
