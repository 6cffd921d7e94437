import { err, ok, type Result } from '@posthorn/core'
import { isDeeperThan, MAX_JSON_DEPTH } from './json-depth.ts'
import type { SchemaCheck } from './schema-compiler.ts'

/** The response of an app whose status was a success. */
export interface AppResponse {
  readonly status: number
  readonly body: Uint8Array
  /** The body is larger than was read. */
  readonly isTruncated: boolean
}

/** Why a response is no answer. */
export interface AnswerFault {
  /** `invalid_response`: it is not what a call asks for. `app_error`: the app says itself that it failed. */
  readonly reason: 'invalid_response' | 'app_error'
  /** One sentence; of what the app said itself at most 200 characters. */
  readonly message: string
}

const MAX_APP_MESSAGE = 200
const NO_CONTENT = 204
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the answer out of a response: JSON, whatever its content type says, since apps often say nothing or the wrong
 * thing. Two forms are understood: the bare value, and `{ success, data, error }`, see {@link unwrap}. 204 answers
 * `null`.
 */
export function readAnswer(response: AppResponse, check?: SchemaCheck): Result<unknown, AnswerFault> {
  const parsed = parseBody(response)
  if (!parsed.ok) return parsed
  const answer = unwrap(parsed.value)
  if (!answer.ok) return answer
  const misfit = check?.(answer.value, response.body.byteLength)
  return misfit === undefined ? answer : invalid(misfit)
}

function parseBody({ status, body, isTruncated }: AppResponse): Result<unknown, AnswerFault> {
  if (isTruncated) return invalid('the response is larger than the limit')
  if (status === NO_CONTENT) return ok(null)
  if (body.byteLength === 0) return invalid('the response has no body')
  try {
    const text = decoder.decode(body)
    if (isDeeperThan(text, MAX_JSON_DEPTH))
      return invalid(`the response is deeper than ${MAX_JSON_DEPTH} levels`)
    return ok(JSON.parse(text))
  } catch {
    return invalid('the response is not JSON')
  }
}

/**
 * The value inside of `{ success: true, data }`, or the app's own failure, `{ success: false, error }`. Anything else
 * is a bare value; so is an object with `success: true` that has fields of its own but no `data`.
 */
export function unwrap(value: unknown): Result<unknown, AnswerFault> {
  if (typeof value !== 'object' || value === null || !('success' in value)) return ok(value)
  if (value.success === false) return err({ reason: 'app_error', message: appMessage(value) })
  if (value.success !== true) return ok(value)
  if ('data' in value) return ok(value.data)
  const hasOwnFields = Object.keys(value).some((key) => key !== 'success' && key !== 'error')
  return ok(hasOwnFields ? value : null)
}

function appMessage(value: object): string {
  const error = 'error' in value ? value.error : undefined
  const said = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
  if (typeof said !== 'string' || said === '') return 'the app says that it failed'
  return `the app says: ${said.slice(0, MAX_APP_MESSAGE)}`
}

function invalid(message: string): Result<never, AnswerFault> {
  return err({ reason: 'invalid_response', message })
}
