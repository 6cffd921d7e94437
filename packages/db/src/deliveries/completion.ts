import type { FailureClass } from '@posthorn/core'
import type pg from 'pg'
import type { AttemptKind, DeadLetterReason } from '../schema/index.ts'
import { completeDeliveriesSql } from '../sql/complete-deliveries.ts'

/** One HTTP request that was made, as it is logged. Id and time are fixed when it is made. */
export interface AttemptRecord {
  readonly id: string
  readonly kind: AttemptKind
  readonly number: number
  /** by the database's clock */
  readonly startedAt: Date
  readonly durationMs: number
  readonly success: boolean
  readonly statusCode: number | null
  readonly failure: FailureClass | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  /** milliseconds by phase: dns, connect, firstByte, total */
  readonly timing: Readonly<Record<string, number>> | null
  readonly responseHeaders: Readonly<Record<string, string>> | null
  /** valid UTF-8 without NUL */
  readonly responseBody: string | null
  readonly responseTruncated: boolean
  readonly workerId: string
  readonly circuitEpoch: number
}

/** What becomes of a claimed delivery. `pending` tries again after `delayMs`. */
export interface DeliveryOutcome {
  readonly id: string
  readonly leaseToken: string
  readonly eventId: string
  readonly endpointId: string
  readonly appId: string
  readonly next: 'delivered' | 'pending' | 'failed' | 'dead' | 'cancelled'
  readonly delayMs: number
  /** tries that count, this one included */
  readonly attemptCount: number
  readonly failure: FailureClass | null
  readonly error: string | null
  readonly deadLetter: { readonly id: string; readonly reason: DeadLetterReason } | null
  /** a failure blocks the deliveries behind it that have the same ordering key */
  readonly halt: boolean
  readonly attempt: AttemptRecord | null
}

/** What one worker has seen of one endpoint in one minute so far: absolute figures, not differences. */
export interface StatRow {
  readonly endpointId: string
  readonly minute: Date
  readonly workerId: string
  readonly attempts: number
  readonly successes: number
  readonly durationSumMs: number
  readonly failures: Readonly<Record<string, number>>
  readonly buckets: readonly number[]
  readonly bucketCounts: readonly number[]
}

/** A delivery that was changed; one whose lease had been lost is missing from the answer. */
export interface Settled {
  readonly id: string
  readonly final: DeliveryOutcome['next']
}

/**
 * Writes outcomes, attempts, dead letters and statistics in one commit. Safe to run again with the same arguments when
 * the answer was lost.
 */
export async function completeDeliveries(
  client: pg.Pool | pg.ClientBase,
  outcomes: readonly DeliveryOutcome[],
  stats: readonly StatRow[],
  options: { prepared: boolean },
): Promise<Settled[]> {
  const { rows } = await client.query<Settled>({
    text: completeDeliveriesSql,
    values: [
      JSON.stringify(outcomes.map(toRow)),
      outcomes.map((outcome) => outcome.id),
      JSON.stringify(stats.map(toStatRow)),
    ],
    ...(options.prepared ? { name: 'posthorn_complete_deliveries' } : {}),
  })
  return rows
}

function toRow(outcome: DeliveryOutcome) {
  const { attempt, deadLetter } = outcome
  // What is null is left out: PostgreSQL parses every key of every row.
  return {
    id: outcome.id,
    token: outcome.leaseToken,
    next: outcome.next,
    attempt_count: outcome.attemptCount,
    endpoint_id: outcome.endpointId,
    ...(outcome.next === 'pending' && { delay_ms: Math.round(outcome.delayMs) }),
    ...(outcome.failure && { failure: outcome.failure }),
    ...(outcome.error !== null && { error: outcome.error }),
    ...(outcome.halt && { halt: true }),
    ...(deadLetter && {
      reason: deadLetter.reason,
      dead_letter_id: deadLetter.id,
      app_id: outcome.appId,
      event_id: outcome.eventId,
    }),
    ...(attempt && attemptColumns(attempt)),
  }
}

function attemptColumns(attempt: AttemptRecord) {
  return {
    attempt_id: attempt.id,
    kind: attempt.kind,
    number: attempt.number,
    started_at: attempt.startedAt,
    duration_ms: attempt.durationMs,
    success: attempt.success,
    worker_id: attempt.workerId,
    circuit_epoch: attempt.circuitEpoch,
    ...(attempt.statusCode !== null && { status_code: attempt.statusCode }),
    ...(attempt.timing && { timing: attempt.timing }),
    ...(!attempt.success && {
      error_code: attempt.errorCode,
      error_message: attempt.errorMessage,
    }),
    ...(attempt.responseHeaders && { response_headers: attempt.responseHeaders }),
    ...(attempt.responseBody !== null && { response_body: attempt.responseBody }),
    ...(attempt.responseTruncated && { response_truncated: true }),
  }
}

function toStatRow(stat: StatRow) {
  return {
    endpoint_id: stat.endpointId,
    minute: stat.minute,
    worker_id: stat.workerId,
    attempts: stat.attempts,
    successes: stat.successes,
    duration_sum_ms: Math.round(stat.durationSumMs),
    failures: stat.failures,
    buckets: stat.buckets,
    bucket_counts: stat.bucketCounts,
  }
}
