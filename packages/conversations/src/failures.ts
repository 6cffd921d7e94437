import { nextDelayMs, parseRetryPolicy, type Random, type RetryPolicy, ValidationError } from '@posthorn/core'
import {
  type CaptureErrorCode,
  isConnectionLoss,
  isDataError,
  type ProjectionFailure,
  sqlState,
} from '@posthorn/db'

/** Five tries within about a quarter of an hour: what a projection waits for is the database, never a receiver. */
const RETRY: RetryPolicy = policy([5_000, 30_000, 120_000, 600_000])

function policy(delays: readonly number[]): RetryPolicy {
  const parsed = parseRetryPolicy(delays, 'retry')
  if (!parsed.ok) throw new ValidationError(parsed.error)
  return parsed.value
}

const LOCK_TIMEOUT = '55P03'
const STATEMENT_TIMEOUT = '57014'

/**
 * What is written of a projection that failed.
 *
 * @param tries those made so far, this one included
 */
export function failureOf(
  error: unknown,
  tries: number,
  random: Random = Math.random,
): Pick<ProjectionFailure, 'next' | 'isTry' | 'error'> {
  const { code, isForGood } = classify(error)
  const described = {
    code,
    message: error instanceof Error ? error.message : String(error),
    stack: (error instanceof Error && error.stack) || null,
  }
  const delayMs = isForGood ? null : nextDelayMs(RETRY, tries, { random })
  const next: ProjectionFailure['next'] = isForGood
    ? { status: 'ERROR' }
    : delayMs === null
      ? { status: 'FAILED' }
      : { status: 'PENDING_RETRY', delayMs }
  return { next, isTry: true, error: described }
}

/** Whether the same would happen again, and what it is called. */
function classify(error: unknown): { code: CaptureErrorCode; isForGood: boolean } {
  if (error instanceof ProjectionError) return { code: 'projection', isForGood: true }
  const state = sqlState(error)
  if (state === LOCK_TIMEOUT || state === STATEMENT_TIMEOUT) return { code: 'timeout', isForGood: false }
  if (isDataError(error) || state?.startsWith('23')) return { code: 'projection', isForGood: true }
  // The statement itself is wrong, or what it needs is not there.
  if (state?.startsWith('42')) return { code: 'unexpected', isForGood: true }
  if (state !== undefined || isConnectionLoss(error)) return { code: 'database', isForGood: false }
  return { code: 'unexpected', isForGood: true }
}

/** An event that the projection itself cannot be made of. */
export class ProjectionError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'ProjectionError'
  }
}
