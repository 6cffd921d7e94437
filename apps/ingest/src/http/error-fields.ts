import { causesOf } from '../problems/database-errors.ts'

/** An error as a log line may show it. */
export interface ErrorFields {
  readonly type: string
  readonly code?: string
  readonly message?: string
  readonly stack?: string
  readonly cause?: ErrorFields
}

/**
 * An error for the log: type, code, message and stack of it and of what caused it. Left out is what repeats data: a
 * failed query's text and parameters, and the `detail` of PostgreSQL, which quotes rows.
 */
export function errorFields(error: unknown): ErrorFields {
  return (
    causesOf(error).reduceRight<ErrorFields | undefined>(
      (cause, current) => ({ ...fieldsOf(current), ...(cause && { cause }) }),
      undefined,
    ) ?? { type: typeof error }
  )
}

function fieldsOf(error: object): ErrorFields {
  const { code, message, name, stack } = error as Partial<Error> & { code?: unknown }
  const quotesData = 'params' in error || 'parameters' in error
  const shown = quotesData ? 'a query failed' : message
  // The stack begins with the message.
  const frames = stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: name ?? 'Error',
    ...(typeof code === 'string' && { code }),
    ...(shown !== undefined && { message: shown }),
    ...(frames && { stack: frames.slice(0, 20).join('\n') }),
  }
}
