import type pg from 'pg'
import { inTransaction } from '../database.ts'
import { toStatRow } from '../deliveries/completion.ts'
import { writeNotifications } from '../notifications/write-notifications.ts'
import { ensurePartitionFor, type PartitionedTable } from '../partitions.ts'
import { isDataError, isMissingPartition, sqlState } from '../pg-errors.ts'
import { writeCallsSql } from '../sql/write-calls.ts'
import { storableJson } from '../storable-text.ts'
import type { CallBatch, NewCall, NewCallAttempt, RefusedRow } from './call-batch.ts'

/**
 * Writes calls with their attempts, statistics and notifications in one commit. Safe to run again when the answer was
 * lost, also with more in the batch: what is there already is neither written nor counted twice. A row that PostgreSQL
 * refuses does not take the others with it.
 *
 * @param batch what `workerId` has to say, which names one writer: it hands over one batch after the other, and a batch
 *   that failed again before what came since
 * @returns the rows that were refused; they are not written
 * @throws whatever else goes wrong: then nothing, or a part that may be written again, was written
 */
export async function writeCalls(
  pool: pg.Pool,
  batch: CallBatch & { readonly workerId: string },
): Promise<RefusedRow[]> {
  const rows = rowsOf(batch)
  if (rows.length === 0) return []
  const refused: RefusedRow[] = []
  await writeOrHalve(pool, rows, batch.workerId, refused)
  return refused
}

/** Rows of a batch, each with the list that it is in. */
type BatchRow = {
  [K in keyof CallBatch]: { readonly kind: K; readonly row: CallBatch[K][number] }
}[keyof CallBatch]

function rowsOf({ calls, attempts, notifications, stats }: CallBatch): BatchRow[] {
  return [
    ...calls.map((row) => ({ kind: 'calls' as const, row })),
    ...attempts.map((row) => ({ kind: 'attempts' as const, row })),
    ...stats.map((row) => ({ kind: 'stats' as const, row })),
    ...notifications.map((row) => ({ kind: 'notifications' as const, row })),
  ]
}

function batchOf(rows: readonly BatchRow[]): CallBatch {
  return {
    calls: rows.flatMap(({ kind, row }) => (kind === 'calls' ? [row] : [])),
    attempts: rows.flatMap(({ kind, row }) => (kind === 'attempts' ? [row] : [])),
    stats: rows.flatMap(({ kind, row }) => (kind === 'stats' ? [row] : [])),
    notifications: rows.flatMap(({ kind, row }) => (kind === 'notifications' ? [row] : [])),
  }
}

async function writeOrHalve(
  pool: pg.Pool,
  rows: readonly BatchRow[],
  workerId: string,
  refused: RefusedRow[],
): Promise<void> {
  try {
    await writeWithPartitions(pool, batchOf(rows), workerId)
  } catch (error) {
    if (!isRefused(error)) throw error
    const [only] = rows
    if (only !== undefined && rows.length === 1) {
      refused.push({ kind: only.kind, id: idOf(only), code: sqlState(error) ?? '' })
      return
    }
    const middle = Math.ceil(rows.length / 2)
    await writeOrHalve(pool, rows.slice(0, middle), workerId, refused)
    await writeOrHalve(pool, rows.slice(middle), workerId, refused)
  }
}

/** The same again would be refused again, for its form or by a constraint. */
const isRefused = (error: unknown): boolean =>
  isDataError(error) || sqlState(error)?.startsWith('23') === true

const idOf = ({ kind, row }: BatchRow): string => (kind === 'stats' ? row.endpointId : row.id)

async function writeWithPartitions(pool: pg.Pool, batch: CallBatch, workerId: string): Promise<void> {
  try {
    await write(pool, batch, workerId)
  } catch (error) {
    if (!isMissingPartition(error)) throw error
    const client = await pool.connect()
    try {
      await makePartitions(client, 'calls', batch.calls)
      await makePartitions(client, 'attempts', batch.attempts)
    } finally {
      client.release()
    }
    await write(pool, batch, workerId)
  }
}

async function makePartitions(
  client: pg.ClientBase,
  table: PartitionedTable,
  rows: readonly { readonly startedAt: Date }[],
): Promise<void> {
  // Partitions are days of UTC, whatever the time zone of this process.
  const days = new Map(rows.map(({ startedAt }) => [startedAt.toISOString().slice(0, 10), startedAt]))
  for (const day of days.values()) await ensurePartitionFor(client, table, day)
}

async function write(
  pool: pg.Pool,
  { calls, attempts, notifications, stats }: CallBatch,
  workerId: string,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(writeCallsSql, [
      storableJson(calls.map(toCallRow)),
      storableJson(attempts.map(toAttemptRow)),
      JSON.stringify(stats.map(toStatRow)),
      workerId,
    ])
    // Last: those who tell of the same wait for each other until they commit.
    await writeNotifications(client, notifications, workerId)
  })
}

const toCallRow = (call: NewCall) => ({
  id: call.id,
  app_id: call.appId,
  endpoint_id: call.endpointId,
  capability: call.capability,
  request_id: call.requestId,
  outcome: call.outcome,
  source: call.source,
  fallback: call.fallback,
  reason: call.reason,
  message: call.message,
  age_ms: call.ageMs === null ? null : Math.round(call.ageMs),
  started_at_ms: call.startedAt.getTime(),
  duration_ms: call.durationMs,
  attempts: call.attempts,
  audit: call.audit,
})

const toAttemptRow = (attempt: NewCallAttempt) => ({
  id: attempt.id,
  call_id: attempt.callId,
  endpoint_id: attempt.endpointId,
  number: attempt.number,
  started_at_ms: attempt.startedAt.getTime(),
  duration_ms: attempt.durationMs,
  success: attempt.success,
  status_code: attempt.status,
  failure: attempt.failure,
  error_code: attempt.errorCode,
  error_message: attempt.errorMessage,
  timing: attempt.timing,
  response_headers: attempt.responseHeaders,
  response_body: attempt.responseBody,
  response_truncated: attempt.responseTruncated,
  circuit_epoch: attempt.circuitEpoch,
})
