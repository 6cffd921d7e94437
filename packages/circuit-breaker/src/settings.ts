/**
 * The calls that a rate is computed over.
 *
 * - `time`: calls of the last `durationMs`, in `buckets` steps. A bucket leaves whole as soon as its start is
 *   `durationMs` old, so a call counts for at least `durationMs × (1 − 1/buckets)` and never longer than
 *   `durationMs`, however long the circuit was idle in between.
 * - `count`: the last `size` calls, whenever they were.
 */
export type CircuitWindow =
  | { readonly kind: 'time'; readonly durationMs: number; readonly buckets: number }
  | { readonly kind: 'count'; readonly size: number }

/** Opens a circuit whose calls are answered, but too late. */
export interface SlowCallPolicy {
  /** A call that took this many milliseconds or longer is slow. */
  readonly durationMs: number
  /** The share of slow calls in the window, above 0 and at most 1, that opens the circuit. */
  readonly rate: number
}

/** When a circuit opens, for how long, and what closes it. Made by {@link parseCircuitSettings}; plain JSON. */
export interface CircuitSettings {
  /** Failures in a row that open the circuit; 0 turns this rule off. Default 5. */
  readonly failureThreshold: number
  /** What the rates are computed over. Default: 60 s in 12 buckets if a rate is set, else no window is kept. */
  readonly window?: CircuitWindow
  /** The share of failed calls in the window, above 0 and at most 1, that opens the circuit. Default: none. */
  readonly failureRate?: number
  /** Opens the circuit by slow calls. Default: none. */
  readonly slowCall?: SlowCallPolicy
  /** The rates say nothing before the window holds this many calls. Default 10, or the window's size if smaller. */
  readonly minimumCalls: number
  /** How long an open circuit refuses everything before it lets a probe through, milliseconds. Default 60 000. */
  readonly openForMs: number
  /** Probes that may be outstanding at one time while half-open. Default 1. */
  readonly halfOpenProbes: number
  /** Probes that must succeed, one after another, before the circuit closes. Default 3. */
  readonly successThreshold: number
  /** A probe that has not reported after this many milliseconds gives its place back. Default 60 000. */
  readonly probeLeaseMs: number
}

/** The settings that {@link parseCircuitSettings} fills in. */
export const DEFAULT_CIRCUIT_SETTINGS: CircuitSettings = {
  failureThreshold: 5,
  minimumCalls: 10,
  openForMs: 60_000,
  halfOpenProbes: 1,
  successThreshold: 3,
  probeLeaseMs: 60_000,
}
