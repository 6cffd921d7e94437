import type { CallIncident, CallRecord } from '@posthorn/delegator'

/** What is counted of calls. */
export interface CallMetrics {
  countCall(call: Pick<CallRecord, 'outcome' | 'reason' | 'durationMs'>): void
  countIncident(kind: CallIncident['kind']): void
}
