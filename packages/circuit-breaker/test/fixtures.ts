import type { Clock } from '@posthorn/core'
import {
  addOutcome,
  type CircuitSettings,
  type OutcomesEvent,
  outcomesOf,
  parseCircuitSettings,
} from '../src/index.ts'

/** One letter per call, as in a count window: `s` success, `f` failure, capitals slow. */
export function batch(epoch: number, calls: string): OutcomesEvent {
  let outcomes = outcomesOf(epoch)
  for (const letter of calls) {
    const kind = letter.toLowerCase() === 'f' ? 'failure' : 'success'
    outcomes = addOutcome(outcomes, kind, letter !== letter.toLowerCase())
  }
  return outcomes
}

export function settingsOf(input: Partial<CircuitSettings> = {}): CircuitSettings {
  const parsed = parseCircuitSettings(input)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}

/** Stands still until it is told to go on; both its hands move together. */
export class ManualClock implements Clock {
  #elapsed = 0
  readonly #start: number

  constructor(start = 1_700_000_000_000) {
    this.#start = start
  }

  now(): number {
    return this.#start + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  advance(ms: number): void {
    this.#elapsed += ms
  }
}
