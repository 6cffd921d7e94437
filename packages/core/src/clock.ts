/** Where time comes from, so that tests and shared stores can bring their own. */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump in both directions. */
  now(): number
  /** Milliseconds since an arbitrary start. Never goes back; use it for durations and leases. */
  monotonic(): number
}

/** The clocks of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** A source of numbers in [0, 1), such as `Math.random`. */
export type Random = () => number
