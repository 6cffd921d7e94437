import { ValidationError } from '@posthorn/core'
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts'
import type { CircuitChange } from './events.ts'
import { Listeners, type Subscription } from './listeners.ts'
import type { CircuitState } from './state.ts'

/** The options every breaker of a registry is made with, and the registry's own. */
export interface CircuitRegistryOptions extends Omit<CircuitBreakerOptions, 'name'> {
  /** How many breakers are kept. The one not used for longest gives way. */
  readonly max: number
}

/** What a {@link CircuitRegistry} announces. */
export interface CircuitRegistryEvents {
  /** A circuit of the registry has changed its state. */
  change: CircuitChange & { readonly key: string }
  /** A breaker was forgotten to make room, with what it knew. */
  evicted: { readonly key: string; readonly snapshot: CircuitState }
}

/** Breakers by key, made when first asked for, never more than `max`. Made by {@link createCircuitRegistry}. */
export interface CircuitRegistry {
  readonly size: number
  /** The key's breaker, made if there is none; it is now the one used last. */
  get(key: string): CircuitBreaker
  /** The key's breaker if there is one, without using it. */
  peek(key: string): CircuitBreaker | undefined
  /** Forgets a key; whether it was known. */
  delete(key: string): boolean
  /** Keys and breakers, the one not used for longest first. */
  entries(): IterableIterator<[string, CircuitBreaker]>
  on<Name extends keyof CircuitRegistryEvents>(
    name: Name,
    listener: (event: CircuitRegistryEvents[Name]) => void,
  ): Subscription
}

/**
 * How many of the oldest are looked through for one that may be forgotten without loss. A bound, so that making
 * room costs the same however many circuits are open.
 */
const EVICTION_LOOKS = 16

/**
 * A registry for many callees, such as one circuit per host. Room is made by forgetting the breaker that was not
 * used for longest, a closed one if there is one among the oldest: forgetting an open circuit means calling a dead
 * callee again.
 *
 * @throws ValidationError if `max` is not a whole number above 0, or a setting is wrong
 */
export function createCircuitRegistry(options: CircuitRegistryOptions): CircuitRegistry {
  const { max, ...breakerOptions } = options
  if (!Number.isSafeInteger(max) || max < 1) {
    throw new ValidationError([
      { path: 'max', message: 'must be a whole number above 0', expected: 'integer >= 1' },
    ])
  }
  // Made and dropped, so that a wrong setting is reported here and not at the first call.
  new CircuitBreaker(breakerOptions)

  const breakers = new Map<string, CircuitBreaker>()
  const listeners = new Listeners<CircuitRegistryEvents>(options.onListenerError)

  const makeRoom = () => {
    let oldest: [string, CircuitBreaker] | undefined
    let looks = 0
    for (const entry of breakers) {
      oldest ??= entry
      looks += 1
      if (entry[1].state === 'closed') {
        oldest = entry
        break
      }
      if (looks === EVICTION_LOOKS) break
    }
    if (oldest === undefined) return
    const [key, breaker] = oldest
    breakers.delete(key)
    listeners.emit('evicted', { key, snapshot: breaker.snapshot() })
  }

  return {
    get size() {
      return breakers.size
    },
    get(key) {
      const known = breakers.get(key)
      if (known !== undefined) {
        breakers.delete(key)
        breakers.set(key, known)
        return known
      }
      if (breakers.size >= max) makeRoom()
      const breaker = new CircuitBreaker({ ...breakerOptions, name: key })
      breaker.on('change', (change) => {
        // A forgotten breaker may still be in somebody's hands; it no longer speaks for the key.
        if (breakers.get(key) === breaker) listeners.emit('change', { key, ...change })
      })
      breakers.set(key, breaker)
      return breaker
    },
    peek: (key) => breakers.get(key),
    delete: (key) => breakers.delete(key),
    entries: () => breakers.entries(),
    on: (name, listener) => listeners.on(name, listener),
  }
}
