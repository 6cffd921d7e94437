import { PosthornError, type ValidationIssue } from '@posthorn/core'
import * as catalogue from './catalogue.ts'
import { isDatabaseUnavailable, isDataRefused } from './database-errors.ts'
import { type Problem, ProblemError } from './problem.ts'

/** What of an error of Fastify is looked at. */
interface FastifyErrorLike {
  readonly code?: unknown
  readonly statusCode?: unknown
}

/** How an error is answered. What is not known to be the caller's mistake is `internal`, without a word of it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (PosthornError.is(error)) return ofPosthornError(error)
  const requestProblem = ofFastifyError(error as FastifyErrorLike | null)
  if (requestProblem) return requestProblem
  if (isDatabaseUnavailable(error)) return catalogue.unavailable('The database cannot be reached.')
  if (isDataRefused(error)) {
    return catalogue.invalid([{ path: '', message: 'holds something that PostgreSQL cannot keep' }])
  }
  return catalogue.internal
}

function ofPosthornError(error: PosthornError): Problem {
  switch (error.code) {
    case 'validation':
      return catalogue.invalid(issuesIn(error))
    case 'not_found':
      return catalogue.notFound(error.message)
    case 'conflict':
      return catalogue.conflict(error.message, error.isRetryable)
    case 'idempotency_mismatch':
      return catalogue.idempotencyMismatch(error.message)
    case 'unavailable':
      return catalogue.unavailable(error.message)
    case 'payload_too_large':
      return catalogue.tooLarge(error.message)
    default:
      return catalogue.internal
  }
}

const issuesIn = (error: PosthornError): readonly ValidationIssue[] =>
  (error as { issues?: readonly ValidationIssue[] }).issues ?? []

/** What Fastify found wrong with a request, before any handler saw it. */
function ofFastifyError(error: FastifyErrorLike | null): Problem | undefined {
  switch (error?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return catalogue.tooLarge('The body is larger than this route takes.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return catalogue.unsupportedMediaType('Send JSON with "content-type: application/json".')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return catalogue.malformed('The body is not as long as its content-length says.')
    case 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE':
      return catalogue.notFound('There is no such route.')
    case 'FST_ERR_BAD_URL':
      return catalogue.malformed('The path is not validly percent-encoded.')
    case 'ECONNRESET':
      // Fastify gives this status to what happens to a body; without it, it is some other connection that was lost.
      return error.statusCode === 400
        ? catalogue.malformed('The request ended before its body did.')
        : undefined
    default:
      return undefined
  }
}
