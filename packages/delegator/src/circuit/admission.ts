import type { CircuitChange } from '@posthorn/circuit-breaker'

/** The circuit of one capability of one app. */
export interface CircuitTarget {
  /** The circuit's key in the store. */
  readonly endpointId: string
  readonly appId: string
  readonly capability: string
}

/** How long things may take when a request is asked for, milliseconds. */
export interface AdmissionLimits {
  readonly leaseMs: number
  readonly waitMs: number
}

/** Leave to make one request. */
export interface Admission {
  readonly isAdmitted: true
  /** The circuit's epoch; the outcome counts only in this one. */
  readonly epoch: number
  /**
   * Reports what became of it, once. `released`: it says nothing about the app.
   *
   * @param durationMs how long the app took
   */
  settle(outcome: 'success' | 'failure' | 'released', durationMs: number): void
}

/** The circuit does not let the request through. */
export interface Refusal {
  readonly isAdmitted: false
  /** When to ask again, milliseconds; undefined if a person has to decide. */
  readonly retryAfterMs?: number
}

/** Hears what happens to circuits. */
export interface CircuitListener {
  /** A transition that this process caused. */
  changed(target: CircuitTarget, change: CircuitChange): void
  /** The store failed or did not answer. */
  failed(target: CircuitTarget, error: unknown): void
}

/** For an operator who wants no circuits: every request may be made, and nothing is counted. */
export const ALWAYS_ADMITTED: Admission = Object.freeze({
  isAdmitted: true,
  epoch: 0,
  settle: () => undefined,
})
