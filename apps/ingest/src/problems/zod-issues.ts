import type { ValidationIssue } from '@posthorn/core'
import type { z } from 'zod'

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

/** What a schema found (with `reportInput`), with paths as one would write them in JavaScript. */
export function issuesOf(error: z.core.$ZodError, prefix = ''): ValidationIssue[] {
  return error.issues.flatMap((issue): ValidationIssue[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: pathOf(prefix, [...issue.path, key]),
        message: 'is not a known field',
      }))
    }
    return [{ path: pathOf(prefix, issue.path), message: messageOf(issue) }]
  })
}

function messageOf(issue: z.core.$ZodIssue): string {
  // The first line of zod's own words repeats the value's type; a value that is not there has none.
  if (issue.input === undefined && issue.code !== 'custom') return 'is missing'
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`
  return issue.message
}

function pathOf(prefix: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => joinPath(text, typeof part === 'number' ? part : String(part)),
    prefix,
  )
}

/** The path of a field inside another, as one would write it in JavaScript: `retry.delays[2]`, `headers["x-shop"]`. */
export function joinPath(path: string, part: string | number): string {
  if (typeof part === 'number') return `${path}[${part}]`
  if (path === '') return part
  return /^[A-Za-z_$][\w$]*$/.test(part) ? `${path}.${part}` : `${path}[${JSON.stringify(part)}]`
}
