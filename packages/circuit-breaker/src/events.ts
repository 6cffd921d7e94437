import type { CircuitStateName, TimeBucket } from './state.ts'

/**
 * The calls of one batch, or of one call. Made with `outcomesOf`, `addOutcome` and `mergeOutcomes`.
 *
 * The counts alone cannot tell whether failures came in a row, so a batch says three things about its order: how
 * many failures it begins with, how many it ends with, and its longest run. That is all that is needed: two batches
 * laid end to end have a run of (failures the first ends with + failures the second begins with) across the seam.
 * Applied to a circuit, a batch opens it by consecutive failures exactly if its calls, one by one, would have.
 */
export interface OutcomesEvent {
  readonly type: 'outcomes'
  /** The circuit's epoch when the calls were admitted. If it is not the present one, the event changes nothing. */
  readonly epoch: number
  readonly successes: number
  readonly failures: number
  /** Slow calls, among the successes and the failures. */
  readonly slow: number
  /** Failures before the first success of the batch; all of them if it has no success. */
  readonly leadingFailures: number
  /** Failures after the last success of the batch; all of them if it has no success. */
  readonly consecutiveFailures: number
  /** The longest run inside the batch. Default: the longer of the two ends. */
  readonly longestFailureRun?: number
  /**
   * Calls before the batch that were not reported when they happened, by the second (or any other step) they
   * happened in, `at` being its start by the store's clock. They fill the windows. A success among them ends a run
   * of failures that had begun by then; failures among them are not part of any run.
   */
  readonly earlier?: readonly TimeBucket[]
}

/**
 * Asks for a probe. Whether it was granted is read from the state that comes back, with `holdsProbe`. Asking again
 * with the same token while its lease runs changes nothing, so the request may be repeated safely.
 */
export interface ProbeAcquiredEvent {
  readonly type: 'probe_acquired'
  /** Unique for this probe, for example the lease token of the delivery that serves as one. */
  readonly token: string
  /** How long the place is kept, milliseconds. Default: `probeLeaseMs` of the settings. */
  readonly leaseMs?: number
}

/**
 * What became of a probe. `released` gives the place back and decides nothing: the caller gave up, or failed for a
 * reason of its own. An answer that shows a living callee is a `success`, even one that is of no use to the caller;
 * releasing it would keep the circuit half-open for as long as such answers come.
 */
export interface ProbeOutcomeEvent {
  readonly type: 'probe_outcome'
  readonly token: string
  readonly outcome: 'success' | 'failure' | 'released'
  /** The probe was slow. With a slow-call policy a slow probe is a failed one. */
  readonly slow?: boolean
  /** The epoch of the half-open state that granted the probe; if given, another one makes the event void. */
  readonly epoch?: number
}

/** A person's decision. Forcing the state that is already there changes nothing. */
export interface ForceEvent {
  readonly type: 'force'
  readonly to: 'closed' | 'disabled' | 'forced_open'
}

/** Closed and everything forgotten, from any state. Outcomes of calls admitted before it are void. */
export interface ResetEvent {
  readonly type: 'reset'
}

/** Everything that can happen to a circuit. Plain JSON. */
export type CircuitEvent = OutcomesEvent | ProbeAcquiredEvent | ProbeOutcomeEvent | ForceEvent | ResetEvent

/** Why a circuit changed. */
export type CircuitChangeReason =
  | 'consecutive_failures'
  | 'failure_rate'
  | 'slow_call_rate'
  | 'probe_acquired'
  | 'probe_failed'
  | 'probes_succeeded'
  | 'forced'
  | 'reset'
  | 'restored'

/** One transition, as it is announced. `epoch` is that of the new state, `at` epoch milliseconds. */
export interface CircuitChange {
  readonly from: CircuitStateName
  readonly to: CircuitStateName
  readonly epoch: number
  readonly reason: CircuitChangeReason
  readonly at: number
}
