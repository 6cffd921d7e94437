import type { WorkerStats } from '../types.ts'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** What a worker has done since it started. */
export class WorkerCounters {
  claimed = 0
  stale = 0
  flushes = 0
  flushErrors = 0
  claimErrors = 0
  readonly attempts: Mutable<WorkerStats['attempts']> = { success: 0, retryable: 0, permanent: 0, requeue: 0 }
  readonly settled: Mutable<WorkerStats['settled']> = {
    delivered: 0,
    pending: 0,
    failed: 0,
    dead: 0,
    cancelled: 0,
  }

  snapshot(inFlight: number): WorkerStats {
    const { claimed, stale, flushes, flushErrors, claimErrors } = this
    return {
      inFlight,
      claimed,
      stale,
      flushes,
      flushErrors,
      claimErrors,
      attempts: { ...this.attempts },
      settled: { ...this.settled },
    }
  }
}
