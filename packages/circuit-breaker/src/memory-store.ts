import { type Clock, systemClock } from '@posthorn/core'
import { type CircuitSettings, DEFAULT_CIRCUIT_SETTINGS } from './settings.ts'
import { type CircuitState, initialState } from './state.ts'
import { type AppliedDelta, type CircuitDelta, type CircuitStore, orderDeltas } from './store.ts'
import { transitionAll } from './transition.ts'

/** Options of a {@link MemoryCircuitStore}. */
export interface MemoryCircuitStoreOptions {
  /** The settings of every circuit, or of each. Default: {@link DEFAULT_CIRCUIT_SETTINGS}. */
  readonly settings?: CircuitSettings | ((key: string) => CircuitSettings)
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now'>
  /** Where the states are kept; a map that several stores are given makes them one. Default: a map of its own. */
  readonly states?: Map<string, CircuitState>
}

/** A {@link CircuitStore} inside one process, for tests and for a service that runs alone. */
export class MemoryCircuitStore implements CircuitStore {
  readonly #settings: (key: string) => CircuitSettings
  readonly #clock: Pick<Clock, 'now'>
  readonly #states: Map<string, CircuitState>

  constructor(options: MemoryCircuitStoreOptions = {}) {
    const settings = options.settings ?? DEFAULT_CIRCUIT_SETTINGS
    this.#settings = typeof settings === 'function' ? settings : () => settings
    this.#clock = options.clock ?? systemClock
    this.#states = options.states ?? new Map()
  }

  async read(keys: readonly string[]): Promise<Map<string, CircuitState>> {
    const found = new Map<string, CircuitState>()
    for (const key of keys) {
      const state = this.#states.get(key)
      if (state !== undefined) found.set(key, state)
    }
    return found
  }

  async apply(deltas: readonly CircuitDelta[]): Promise<AppliedDelta[]> {
    const nowMs = this.#clock.now()
    return orderDeltas(deltas).map(({ key, events }) => {
      const before = this.#states.get(key) ?? initialState()
      const after = transitionAll(before, events, this.#settings(key), nowMs)
      if (after.state !== before) this.#states.set(key, after.state)
      return { key, ...after }
    })
  }

  /** Forgets circuits, for keys whose endpoints are gone. */
  delete(keys: readonly string[]): void {
    for (const key of keys) this.#states.delete(key)
  }
}
