import type { DeliveryOutcome } from '@posthorn/db'
import type { CircuitReport } from './circuit-ledger.ts'

/** A claimed delivery at the end of its way: what is to be written, and what it says about its endpoint's circuit. */
export interface Landing {
  readonly outcome: DeliveryOutcome
  /** null: no request was made */
  readonly report: CircuitReport | null
}
