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
 * Writes outcomes of one worker, attempts, dead letters and statistics in one commit. Safe to run again with the same arguments when
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
      `[${outcomes.map(outcomeJson).join(',')}]`,
      outcomes.map((outcome) => outcome.id),
      JSON.stringify(stats.map(toStatRow)),
      outcomes.find((outcome) => outcome.attempt !== null)?.attempt?.workerId ?? null,
    ],
    ...(options.prepared ? { name: 'posthorn_complete_deliveries' } : {}),
  })
  return rows
}

/**
 * An outcome as a JSON object with the columns of the statement's `input`. Written by hand, since each delivery costs it:
 * a third of what gathering the columns in an object and printing that takes. Ids, enumerated words and numbers need no
 * escaping.
 */
function outcomeJson(outcome: DeliveryOutcome): string {
  const { attempt, deadLetter, failure, error } = outcome
  let json =
    `{"id":"${outcome.id}","token":"${outcome.leaseToken}","tries":${outcome.attemptCount},` +
    `"endpoint_id":"${outcome.endpointId}"`
  if (outcome.next !== 'delivered') json += `,"next":"${outcome.next}"`
  if (outcome.next === 'pending') json += `,"delay_ms":${Math.round(outcome.delayMs)}`
  if (failure !== null) json += `,"failure":"${failure}"`
  if (error !== null) json += `,"error":${JSON.stringify(error)}`
  if (outcome.halt) json += ',"halt":true'
  if (deadLetter !== null) {
    json +=
      `,"reason":"${deadLetter.reason}","dead_letter_id":"${deadLetter.id}",` +
      `"app_id":"${outcome.appId}","event_id":"${outcome.eventId}"`
  }
  if (attempt !== null) json += attemptJson(attempt, outcome.attemptCount)
  return `${json}}`
}

function attemptJson(attempt: AttemptRecord, tries: number): string {
  let json =
    `,"attempt_id":"${attempt.id}","started_at":"${attempt.startedAt.toISOString()}",` +
    `"ms":${attempt.durationMs}`
  if (attempt.kind !== 'delivery') json += `,"kind":"${attempt.kind}"`
  if (attempt.number !== tries) json += `,"number":${attempt.number}`
  if (attempt.circuitEpoch !== 0) json += `,"epoch":${attempt.circuitEpoch}`
  if (attempt.statusCode !== null) json += `,"status":${attempt.statusCode}`
  if (attempt.timing !== null) json += `,"timing":${JSON.stringify(attempt.timing)}`
  if (attempt.errorCode !== null) json += `,"error_code":${JSON.stringify(attempt.errorCode)}`
  if (attempt.errorMessage !== null) json += `,"error_message":${JSON.stringify(attempt.errorMessage)}`
  if (attempt.responseHeaders !== null) json += `,"headers":${JSON.stringify(attempt.responseHeaders)}`
  if (attempt.responseBody !== null) json += `,"body":${JSON.stringify(attempt.responseBody)}`
  if (attempt.responseTruncated) json += ',"truncated":true'
  return json
}

/** Statistics as a JSON object with the columns of their table. */
export function toStatRow(stat: StatRow) {
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
