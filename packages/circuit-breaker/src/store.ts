import type { CircuitChange, CircuitEvent } from './events.ts'
import type { CircuitState } from './state.ts'

/** What happened to one circuit since it was last written to. */
export interface CircuitDelta {
  readonly key: string
  /** Applied in this order. */
  readonly events: readonly CircuitEvent[]
}

/** A circuit after a delta. */
export interface AppliedDelta {
  readonly key: string
  readonly state: CircuitState
  /** The transitions that this delta caused; nobody else is told of them. */
  readonly changes: readonly CircuitChange[]
}

/**
 * Circuits that several processes share. The rules are `transition`'s; a store only keeps states, makes each
 * read-change-write of a key atomic and says what time it is. Every implementation passes the suite of
 * `@posthorn/circuit-breaker/conformance`.
 */
export interface CircuitStore {
  /** The states of those keys that have been written to; any other key is at `initialState()`. */
  read(keys: readonly string[]): Promise<Map<string, CircuitState>>
  /**
   * Applies each key's events to its state, at the store's own time, and answers once for every key. Keys are taken
   * in their order, so that two callers never wait for each other; of a key that is named twice the events are
   * applied one after the other.
   */
  apply(deltas: readonly CircuitDelta[]): Promise<AppliedDelta[]>
}

/** Deltas in key order, each key once. For implementations of {@link CircuitStore.apply}. */
export function orderDeltas(deltas: readonly CircuitDelta[]): CircuitDelta[] {
  const byKey = new Map<string, CircuitEvent[]>()
  for (const { key, events } of deltas) {
    const known = byKey.get(key)
    if (known === undefined) byKey.set(key, [...events])
    else known.push(...events)
  }
  return [...byKey]
    .map(([key, events]) => ({ key, events }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
