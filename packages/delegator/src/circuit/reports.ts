import {
  type CircuitWindow,
  holdBack,
  mergeOutcomes,
  type OutcomesEvent,
  outcomesOf,
} from '@posthorn/circuit-breaker'

/** What decides whether a report is worth a write. */
export interface ReportContext {
  /** The circuit has failures that a success would end. */
  readonly isFailing: boolean
  readonly window: CircuitWindow | undefined
  /** Epoch milliseconds. */
  readonly nowMs: number
}

const SECOND_MS = 1_000
/** How long successes are kept for a window that counts calls, milliseconds. */
const KEEP_FOR_COUNT_MS = 300_000

/**
 * The outcomes of one circuit's calls on their way to the store. Successes of a circuit without failures are kept here:
 * by the second if a window asks for them, else not at all. They go along with the next failure, so that a failure
 * rate is not computed over the failures alone.
 */
export class Reports {
  #unsent: OutcomesEvent | undefined
  #held: OutcomesEvent | undefined
  #isSending = false

  /** Takes the outcome of one call. */
  add(outcome: OutcomesEvent, { isFailing, window, nowMs }: ReportContext): void {
    const { epoch } = outcome
    if (this.#unsent?.epoch === epoch) {
      this.#unsent = mergeOutcomes(this.#unsent, outcome)
      return
    }
    if (this.#unsent !== undefined && this.#unsent.epoch > epoch) return
    const isWorthSending = outcome.failures > 0 || outcome.slow > 0 || isFailing || this.#isSending
    const held = this.#held?.epoch === epoch ? this.#held : undefined
    if (isWorthSending) {
      // Outcomes of an earlier epoch that were not sent yet would change nothing.
      this.#unsent = held === undefined ? outcome : mergeOutcomes(held, outcome)
      this.#held = undefined
    } else if (window !== undefined) {
      const second = Math.floor(nowMs / SECOND_MS) * SECOND_MS
      const keepMs = window.kind === 'time' ? window.durationMs : KEEP_FOR_COUNT_MS
      this.#held = holdBack(held ?? outcomesOf(epoch), outcome, second, keepMs)
    }
  }

  /** What to send now: nothing while the last one is under way. Call {@link sent} when it has arrived or failed. */
  take(): OutcomesEvent[] {
    if (this.#isSending || this.#unsent === undefined) return []
    const events = [this.#unsent]
    this.#unsent = undefined
    this.#isSending = true
    return events
  }

  sent(): void {
    this.#isSending = false
  }
}
