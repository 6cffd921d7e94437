import type { ErrorCode, ValidationIssue } from '@posthorn/core'
import { z } from 'zod'

/** Stable names of what went wrong: those of the packages, and what only HTTP can get wrong. */
export type ProblemCode =
  | ErrorCode
  | 'malformed'
  | 'unsupported_media_type'
  | 'headers_too_large'
  | 'call_failed'
  | 'caller_gone'

/** What is known of a problem before it is written as a document. */
export interface Problem {
  readonly status: number
  readonly code: ProblemCode
  readonly title: string
  /** what is wrong with this request; never a payload, a secret or a word of the database */
  readonly detail?: string
  readonly errors?: readonly ValidationIssue[]
  /** the call that went wrong */
  readonly call?: CallProblem
  /** extra headers of the answer, such as `retry-after` */
  readonly headers?: Readonly<Record<string, string>>
}

/** What is told of a call without an answer and without a fallback. */
export interface CallProblem {
  /** `call_…` */
  readonly id: string
  readonly reason: string
  readonly durationMs: number
  readonly attempts: number
}

/** A problem as a document of RFC 9457 (`application/problem+json`). */
export const problemSchema = z
  .object({
    type: z.string().describe('names the kind of problem; `urn:posthorn:problem:<code>`'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('stable; the last part of `type`'),
    detail: z.string().optional(),
    requestId: z.string().describe('the same as in `x-request-id` and in the logs'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string(), expected: z.string().optional() }))
      .optional()
      .describe('every mistake in the input, each with the path of its field'),
    call: z
      .object({ id: z.string(), reason: z.string(), durationMs: z.number(), attempts: z.int() })
      .optional()
      .describe('the call that has no answer and no fallback'),
  })
  .meta({ id: 'Problem' })

export type ProblemDocument = z.output<typeof problemSchema>

/** How many mistakes a document names, and how much of the path of one: what was sent must not come back whole. */
const MAX_ERRORS = 100
const MAX_PATH = 200

/** Writes a problem as its document. */
export function problemDocument(problem: Problem, requestId: string): ProblemDocument {
  const { status, code, title, detail, errors, call } = problem
  return {
    type: `urn:posthorn:problem:${code}`,
    title,
    status,
    code,
    ...(detail !== undefined && { detail }),
    requestId,
    ...(errors !== undefined && {
      errors: errors.slice(0, MAX_ERRORS).map((error) => ({ ...error, path: error.path.slice(0, MAX_PATH) })),
    }),
    ...(call !== undefined && { call }),
  }
}

/** A problem thrown where it is found, for the error handler to answer with. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title)
    this.name = 'ProblemError'
    this.problem = problem
  }
}
