import type { CircuitSettings } from '../../../packages/circuit-breaker/src/index.ts'
import type { CircuitChangeRecord } from '../../../packages/delegator/src/index.ts'

/** A capability, with the circuit that processes share. */
export interface CircuitUnderTest {
  /** uuid; the circuit's key */
  readonly endpointId: string
  readonly url: string
  readonly settings: CircuitSettings
}

/** Calls to make. */
export interface CallerTask {
  readonly circuit: CircuitUnderTest
  readonly calls: number
  readonly inFlight: number
}

/** What came of them. */
export interface CallerReport {
  /** how often each: `ok`, `fallback circuit_open`, … */
  readonly outcomes: Readonly<Record<string, number>>
  /** transitions that this process caused since the last report */
  readonly changes: Pick<CircuitChangeRecord, 'from' | 'to' | 'epoch' | 'reason'>[]
}
