import type { ClaimedDelivery, DeliveryOutcome } from '@posthorn/db'
import type { QueueItem } from '@posthorn/queue'
import type { CircuitReport } from './circuit-ledger.ts'
import type { Target } from './endpoint-cache.ts'

/** A claimed delivery that is ready to be sent. */
export interface Flight {
  readonly item: QueueItem
  readonly delivery: ClaimedDelivery
  readonly target: Target
  /** monotonic time at which its claim was answered */
  readonly claimedAt: number
}

/** A claimed delivery at the end of its way: what is to be written, and what it says about its endpoint's circuit. */
export interface Landing {
  readonly outcome: DeliveryOutcome
  /** null: no request was made */
  readonly report: CircuitReport | null
}

/** A landing whose texts the database refused: what is left are numbers and words of our own. */
export function withoutDetails(landing: Landing): Landing {
  const { outcome } = landing
  const bare = {
    responseBody: null,
    responseHeaders: null,
    errorMessage: null,
    timing: null,
    responseTruncated: true,
  }
  return {
    ...landing,
    outcome: { ...outcome, error: null, attempt: outcome.attempt && { ...outcome.attempt, ...bare } },
  }
}
