import {
  addOutcome,
  type CircuitDelta,
  type CircuitEvent,
  type OutcomesEvent,
  outcomesOf,
  type TimeBucket,
} from '@posthorn/circuit-breaker'
import { countsForCircuit } from '@posthorn/core'
import type { ClaimedDelivery, Endpoint } from '@posthorn/db'
import type { DispatchResult } from '@posthorn/dispatcher'

/** What one request says about a circuit. */
export interface CircuitReport {
  readonly endpoint: Endpoint
  readonly circuit: ClaimedDelivery['circuit']
  readonly leaseToken: string
  readonly result: DispatchResult
  /** when it was made, by the database's clock, epoch milliseconds */
  readonly atMs: number
}

const SECOND_MS = 1_000
const MAX_UNSENT_SECONDS = 300

/**
 * Gathers what requests say about circuits, so that one flush writes one delta for each endpoint, and none for an
 * endpoint that works: successes of a closed circuit without failures are kept here by the second, and go along with
 * the next delta so that a failure rate is not computed over the failures alone.
 */
export class CircuitLedger {
  readonly #unsent = new Map<string, Map<number, TimeBucket>>()
  readonly #failing = new Set<string>()

  /** Deltas for a flush, in the order of the endpoints' ids. */
  take(reports: readonly CircuitReport[]): CircuitDelta[] {
    const byEndpoint = Map.groupBy(reports, (report) => report.endpoint.id)
    const deltas: CircuitDelta[] = []
    for (const [key, group] of byEndpoint) {
      const events = this.#eventsOf(key, group)
      if (events.length > 0) deltas.push({ key, events })
    }
    return deltas.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** Notes whether a circuit has failures to forget, as its store says after a delta. */
  learn(key: string, consecutiveFailures: number): void {
    if (consecutiveFailures > 0) this.#failing.add(key)
    else this.#failing.delete(key)
  }

  #eventsOf(key: string, reports: readonly CircuitReport[]): CircuitEvent[] {
    const events: CircuitEvent[] = []
    const batches = new Map<number, OutcomesEvent>()
    for (const report of reports) {
      if (report.circuit.name === 'half_open') {
        events.push(probeOutcome(report))
        continue
      }
      const outcome = outcomeOf(report.result)
      if (!outcome) continue
      const epoch = report.circuit.epoch
      batches.set(epoch, addOutcome(batches.get(epoch) ?? outcomesOf(epoch), outcome, isSlow(report)))
    }
    if (this.#isQuiet(key, reports, batches)) {
      this.#remember(key, reports)
      return events
    }
    for (const batch of batches.values()) events.push(this.#withUnsent(key, batch))
    return events
  }

  #isQuiet(
    key: string,
    reports: readonly CircuitReport[],
    batches: ReadonlyMap<number, OutcomesEvent>,
  ): boolean {
    if (this.#failing.has(key)) return false
    const closed = reports.every(
      ({ circuit }) => circuit.name === 'closed' && circuit.consecutiveFailures === 0,
    )
    return closed && [...batches.values()].every((batch) => batch.failures === 0 && batch.slow === 0)
  }

  #remember(key: string, reports: readonly CircuitReport[]): void {
    // Without a window only the run of failures counts, and there is none.
    if (!reports[0]?.endpoint.circuit.window) return
    const seconds = this.#unsent.get(key) ?? new Map<number, TimeBucket>()
    this.#unsent.set(key, seconds)
    for (const { atMs, result } of reports) {
      if (outcomeOf(result) !== 'success') continue
      const at = Math.floor(atMs / SECOND_MS) * SECOND_MS
      const bucket = seconds.get(at) ?? { at, successes: 0, failures: 0, slow: 0 }
      seconds.set(at, { ...bucket, successes: bucket.successes + 1 })
    }
    for (const at of [...seconds.keys()].slice(0, -MAX_UNSENT_SECONDS)) seconds.delete(at)
  }

  #withUnsent(key: string, batch: OutcomesEvent): OutcomesEvent {
    const unsent = this.#unsent.get(key)
    if (!unsent || unsent.size === 0) return batch
    this.#unsent.delete(key)
    return { ...batch, earlier: [...unsent.values()].sort((a, b) => a.at - b.at) }
  }
}

/** A refusal (4xx) shows a living receiver: it neither opens a circuit nor counts as a success of a closed one. */
function outcomeOf(result: DispatchResult): 'success' | 'failure' | undefined {
  if (result.verdict === 'success') return 'success'
  return result.failure && countsForCircuit(result.failure) ? 'failure' : undefined
}

function probeOutcome(report: CircuitReport): CircuitEvent {
  const { result, leaseToken } = report
  const living = result.verdict === 'requeue' ? 'released' : 'success'
  return {
    type: 'probe_outcome',
    token: leaseToken,
    outcome: outcomeOf(result) ?? living,
    slow: isSlow(report),
  }
}

function isSlow({ endpoint, result }: CircuitReport): boolean {
  const slowCall = endpoint.circuit.slowCall
  return slowCall !== undefined && result.timing.totalMs >= slowCall.durationMs
}
