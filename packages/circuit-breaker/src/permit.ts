/**
 * Leave to make one call. Report what became of it exactly once; a second report is ignored. Disposing of a permit
 * releases it, so with `using` none is ever kept by mistake.
 */
export interface Permit extends Disposable {
  /** The circuit's epoch when the permit was given. */
  readonly epoch: number
  /** The call decides whether the circuit closes or opens again. */
  readonly isProbe: boolean
  /** The callee answered. Whether it was slow is measured from when the permit was given. */
  succeed(): void
  /** The callee failed. */
  fail(): void
  /** The call says nothing about the callee: it was never made, or the caller gave up. */
  release(): void
}

/** What a permit reports. */
export type PermitOutcome = 'success' | 'failure' | 'released'

/** A {@link Permit} that hands its first report to `report` and forgets it. */
export class CallPermit implements Permit {
  readonly epoch: number
  readonly isProbe: boolean
  #report: ((outcome: PermitOutcome) => void) | null

  constructor(epoch: number, isProbe: boolean, report: (outcome: PermitOutcome) => void) {
    this.epoch = epoch
    this.isProbe = isProbe
    this.#report = report
  }

  succeed(): void {
    this.#settle('success')
  }

  fail(): void {
    this.#settle('failure')
  }

  release(): void {
    this.#settle('released')
  }

  [Symbol.dispose](): void {
    this.#settle('released')
  }

  #settle(outcome: PermitOutcome): void {
    const report = this.#report
    this.#report = null
    report?.(outcome)
  }
}
