import type pg from 'pg'
import type { CaptureError } from '../captures/capture.ts'
import { settleProjectionsSql } from '../sql/settle-projections.ts'
import type { ProjectionLease } from './apply-projection.ts'

/** A projection that did not succeed. */
export interface ProjectionFailure extends ProjectionLease {
  /** `PENDING_RETRY` waits `delayMs`; the others stay until somebody has them processed again */
  readonly next:
    | { readonly status: 'PENDING_RETRY'; readonly delayMs: number }
    | { readonly status: 'FAILED' | 'ERROR' }
  /** false: it was not the event's fault, and costs no try */
  readonly isTry: boolean
  readonly error: CaptureError
  readonly processingTimeMs: number | null
}

/** PostgreSQL's text holds no NUL, and JSON on its way there no half of a surrogate pair. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed()

/** Writes what became of projections, in one commit. @returns the ids of those whose lease was still theirs */
export async function settleProjections(
  pool: pg.Pool,
  failures: readonly ProjectionFailure[],
): Promise<Set<string>> {
  const rows = failures.map(({ eventId, leaseToken, next, isTry, error, processingTimeMs }) => ({
    id: eventId,
    token: leaseToken,
    status: next.status,
    delay_ms: next.status === 'PENDING_RETRY' ? next.delayMs : null,
    burnt: isTry ? 1 : 0,
    error_code: error.code,
    error_message: storable(error.message),
    error_stack: error.stack && storable(error.stack),
    processing_time_ms: processingTimeMs,
  }))
  const written = await pool.query<{ id: string }>(settleProjectionsSql, [JSON.stringify(rows)])
  return new Set(written.rows.map((row) => row.id))
}
