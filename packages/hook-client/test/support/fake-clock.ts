import type { Clock } from '@posthorn/core'

/** A clock that a test sets. Wall time and monotonic time move together, unless the wall clock is turned. */
export class FakeClock implements Clock {
  #wall: number
  #monotonic = 0

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wall = startMs
  }

  now = (): number => this.#wall
  monotonic = (): number => this.#monotonic

  advance(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
  }

  /** Turns the wall clock, as a person or a time server does; negative turns it back. */
  turn(ms: number): void {
    this.#wall += ms
  }
}
