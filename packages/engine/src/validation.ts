import { ValidationError, type ValidationIssue } from '@posthorn/core'
import type { z } from 'zod'

/**
 * Parses input of a caller.
 *
 * @throws ValidationError with every mistake at once, each with the path of its field; unknown fields by name
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = parseWithinStack(schema, input)
  if (parsed.success) return parsed.data
  throw new ValidationError(issuesOf(parsed.error))
}

/** Values nested a hundred thousand deep end the stack; that is the input's mistake and no reason to end a process. */
function parseWithinStack<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): z.ZodSafeParseResult<z.output<Schema>> {
  try {
    return schema.safeParse(input)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new ValidationError([{ path: '', message: 'is nested too deeply' }], { cause })
  }
}

function issuesOf(error: z.ZodError): ValidationIssue[] {
  return error.issues.flatMap((issue): ValidationIssue[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: pathOf([...issue.path, key]),
        message: 'is not a known field',
      }))
    }
    return [{ path: pathOf(issue.path), message: issue.message }]
  })
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

/** Throws what has been collected, if anything has. */
export function throwIssues(issues: readonly ValidationIssue[]): void {
  if (issues.length > 0) throw new ValidationError(issues)
}
