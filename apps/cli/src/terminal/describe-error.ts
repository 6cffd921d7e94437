import { describeIssues, PosthornError, ValidationError } from '@posthorn/core'
import { CommanderError } from 'commander'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'

/** What to tell of an error. `text` empty: it has been told already. */
export interface ErrorReport {
  readonly text: string
  readonly exitCode: ExitCode
  readonly hint?: string
}

const UNREACHABLE = new Set([
  ...[
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ECONNRESET',
    'EPIPE',
  ],
])
/** The server starts, stops, or has no connection left. */
const BUSY_SQLSTATES = new Set(['57P01', '57P02', '57P03', '53300'])
const CONNECT_TIMEOUT = /timeout exceeded when trying to connect|connection terminated/i

/** An error as a sentence and an exit code. Only what nobody expected shows where it came from. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof CommandError) {
    return {
      text: error.message,
      exitCode: error.exitCode,
      ...(error.hint !== undefined && { hint: error.hint }),
    }
  }
  if (error instanceof CommanderError)
    return { text: '', exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage }
  if (error instanceof ValidationError) return { text: describeIssues(error.issues), exitCode: EXIT.usage }
  const [unreachable] = causes(error).filter(isUnreachable)
  if (unreachable)
    return { text: `PostgreSQL cannot be reached: ${words(unreachable)}.`, exitCode: EXIT.unreachable }
  const refused = causes(error).find((each) => /^[0-9A-Z]{5}$/.test(codeOf(each)) && !PosthornError.is(each))
  if (refused) {
    const busy = BUSY_SQLSTATES.has(codeOf(refused))
    return { text: `PostgreSQL says: ${words(refused)}.`, exitCode: busy ? EXIT.tryLater : EXIT.failure }
  }
  if (PosthornError.is(error)) {
    return { text: error.message, exitCode: error.isRetryable ? EXIT.tryLater : EXIT.failure }
  }
  return {
    text: error instanceof Error ? (error.stack ?? error.message) : String(error),
    exitCode: EXIT.failure,
  }
}

function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.has(codeOf(error)) || (error instanceof Error && CONNECT_TIMEOUT.test(error.message))
}

/** The error and everything behind it, the outermost first. */
function causes(error: unknown): unknown[] {
  const found: unknown[] = []
  for (let at = error; at !== undefined && at !== null && found.length < 10; ) {
    found.push(at)
    if (at instanceof AggregateError) found.push(...at.errors)
    at = at instanceof Error ? at.cause : undefined
  }
  return found
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function words(error: unknown): string {
  // An AggregateError of several addresses has no message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return words(error.errors[0])
  const text = error instanceof Error && error.message !== '' ? error.message : codeOf(error)
  return text.replace(/\.$/, '')
}
