import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock } from '@posthorn/core'
import type { Timers } from '../src/index.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/**
 * Time that passes only when everything waits: then it leaps to the next timer. Timers may be told to be late, as those
 * of a busy process are.
 */
export class VirtualTime implements Clock, Timers {
  readonly #start = 1_790_000_000_000
  readonly #timers = new Set<Timer>()
  readonly #lateMs: () => number
  #elapsed = 0

  constructor(lateMs: () => number = () => 0) {
    this.#lateMs = lateMs
  }

  now(): number {
    return Math.floor(this.#start + this.#elapsed)
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#elapsed + ms + this.#lateMs(), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size
  }

  /** A promise that resolves after `ms`; never for infinity. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (Number.isFinite(ms)) this.after(ms, resolve)
    })
  }

  advance(ms: number): void {
    this.#elapsed += ms
  }

  /** Lets time pass until the promise is settled. @throws Error if nothing is left that could settle it */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    promise.then(settled, settled)
    for (;;) {
      await immediate()
      if (isSettled) return promise
      if (!this.#leap()) throw new Error('everything waits, and no timer is set')
    }
  }

  /** Lets time pass until no timer is set. */
  async drain(): Promise<void> {
    do await immediate()
    while (this.#leap())
  }

  #leap(): boolean {
    let next: Timer | undefined
    for (const timer of this.#timers) if (timer.at < (next?.at ?? Number.POSITIVE_INFINITY)) next = timer
    if (next === undefined) return false
    this.#timers.delete(next)
    this.#elapsed = Math.max(this.#elapsed, next.at)
    next.callback()
    return true
  }
}
