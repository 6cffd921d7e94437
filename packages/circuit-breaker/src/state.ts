/** The names of the five states. `disabled` and `forced_open` are a person's decision and end only by one. */
export type CircuitStateName = 'closed' | 'open' | 'half_open' | 'disabled' | 'forced_open'

/** Calls that began their bucket at `at` (epoch milliseconds). Slow calls are among the successes and failures. */
export interface TimeBucket {
  readonly at: number
  readonly successes: number
  readonly failures: number
  readonly slow: number
}

/**
 * What a window has seen. For `count`, one letter per call, oldest first: `s` success, `f` failure, in capitals if
 * the call was slow.
 */
export type WindowState =
  | { readonly kind: 'time'; readonly buckets: readonly TimeBucket[] }
  | { readonly kind: 'count'; readonly calls: string }

/** A probe that is under way: its place is taken until it reports or until `expiresAt` (epoch milliseconds). */
export interface Probe {
  readonly token: string
  readonly expiresAt: number
}

/** What a circuit remembers of its calls while it lets all of them through. */
export interface CallRecord {
  /** Failures since the last success. */
  readonly consecutiveFailures: number
  /** When the run of failures began, epoch milliseconds; null without one. */
  readonly failingSince: number | null
  /** null until the first call, and always if the settings have no window. */
  readonly window: WindowState | null
}

/** Everything passes and is counted. */
export interface ClosedState extends CallRecord {
  readonly name: 'closed'
  readonly epoch: number
  /**
   * When traffic that had been held back was let through again, epoch milliseconds; null if it never was. A sender
   * with a backlog ramps up from here.
   */
  readonly closedAt: number | null
}

/** Everything is refused, until a probe may be taken. */
export interface OpenState {
  readonly name: 'open'
  readonly epoch: number
  readonly openedAt: number
  /** The first moment at which a probe is let through, epoch milliseconds. */
  readonly nextProbeAt: number
}

/** A few probes pass; what they find decides. */
export interface HalfOpenState {
  readonly name: 'half_open'
  readonly epoch: number
  /** When the circuit last opened, epoch milliseconds. */
  readonly openedAt: number
  /** The first moment at which another probe may be taken: now if a place is free, else the first lease's end. */
  readonly nextProbeAt: number
  readonly probes: readonly Probe[]
  /** Probes that have succeeded since the circuit became half-open. */
  readonly successes: number
}

/** Everything passes and is counted; nothing opens the circuit. */
export interface DisabledState extends CallRecord {
  readonly name: 'disabled'
  readonly epoch: number
}

/** Everything is refused, without an end. */
export interface ForcedOpenState {
  readonly name: 'forced_open'
  readonly epoch: number
}

/**
 * A circuit, as plain JSON: what a database row or a snapshot keeps. `epoch` rises by one with every transition, so
 * that an outcome can be told from one that belongs to an earlier life of the circuit.
 */
export type CircuitState = ClosedState | OpenState | HalfOpenState | DisabledState | ForcedOpenState

/** A circuit that nothing has happened to: closed, epoch 0. */
export function initialState(): CircuitState {
  return { name: 'closed', epoch: 0, closedAt: null, ...emptyRecord() }
}

/** The memory of a circuit that has just begun to let calls through. */
export function emptyRecord(): CallRecord {
  return { consecutiveFailures: 0, failingSince: null, window: null }
}
