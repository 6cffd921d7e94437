/** What becomes of an event that is sent. */
export type EventResult = 'accepted' | 'duplicate' | 'rejected'

/** Where intake counts its events. */
export interface EventMetrics {
  count(result: EventResult): void
  countBatch(results: readonly EventResult[]): void
}
