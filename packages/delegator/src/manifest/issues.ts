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

/** How zod begins what it says about a type by itself. */
const ZOD_WORDS = 'Invalid input'

type Issue = z.core.$ZodIssue

/** What a schema found (asked with `reportInput`): every mistake, its path as one would write it in JavaScript. */
export function issuesOf(error: z.core.$ZodError, path = ''): ValidationIssue[] {
  return error.issues.flatMap((issue) => issuesIn(issue, path))
}

function issuesIn(issue: Issue, prefix: string): ValidationIssue[] {
  const path = issue.path.reduce<string>(
    (text, part) => joinPath(text, typeof part === 'number' ? part : String(part)),
    prefix,
  )
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: joinPath(path, key), message: 'is not a known field' }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return issuesOfUnion(issue.errors, path)
  return [{ path, message: messageOf(issue) }]
}

/**
 * A string or an object: the mistakes of the form that was meant. It is the one whose whole did not already have the
 * wrong kind; with none, the kinds that would have been right are told.
 */
function issuesOfUnion(branches: readonly (readonly Issue[])[], path: string): ValidationIssue[] {
  const meant = branches.find((issues) => !issues.some(isWrongKind))
  if (meant !== undefined) return meant.flatMap((issue) => issuesIn(issue, path))
  const kinds = branches.map((issues) => KINDS[kindOf(issues.find(isWrongKind))] ?? 'a name')
  return [{ path, message: `must be ${[...new Set(kinds)].join(' or ')}` }]
}

function isWrongKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  // A list of names is a string of another kind only if a string was given.
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof issue.input !== 'string')
}

function kindOf(issue: Issue | undefined): string {
  return issue?.code === 'invalid_type' ? issue.expected : ''
}

function messageOf(issue: Issue): string {
  if (issue.input === undefined && issue.code !== 'custom') return 'is missing'
  const isOwnWords = !issue.message.startsWith(ZOD_WORDS)
  if (isOwnWords || issue.code !== 'invalid_type') return issue.message
  return `must be ${KINDS[issue.expected] ?? issue.expected}`
}

/** The path of a field inside another: `retry.maxAttempts`, `webhooks["quiz-answer"]`, `items[2]`. */
export function joinPath(path: string, part: string | number): string {
  if (typeof part === 'number') return `${path}[${part}]`
  if (!/^[A-Za-z_$][\w$]*$/.test(part)) return `${path}[${JSON.stringify(part)}]`
  return path === '' ? part : `${path}.${part}`
}
