import { ConflictError, IdempotencyError, UnavailableError, ValidationError } from '@posthorn/core'
import { isConnectionLoss, isContention, isDataError } from '../pg-errors.ts'

/** What a caller is told when its key was used for something else. */
export const keyMismatch = (): IdempotencyError =>
  new IdempotencyError('The request id was used before, for another event.')

/** What a caller is told when it may try again later. */
export const unavailable = (cause: unknown): UnavailableError =>
  new UnavailableError('The database cannot take the event now.', { cause })

/** What a caller is told of a database error while its event was being written. */
export function asIntakeError(error: unknown): unknown {
  if (isConnectionLoss(error)) return unavailable(error)
  if (isContention(error))
    return new ConflictError('The event collided with another transaction.', {
      isRetryable: true,
      cause: error,
    })
  if (isDataError(error)) {
    return new ValidationError([{ path: '', message: 'holds something that PostgreSQL cannot keep' }], {
      cause: error,
    })
  }
  return error
}
