import type { ValidationIssue } from '@posthorn/core'
import { joinPath } from '../problems/zod-issues.ts'

/** Deeper values have no reading use, and code that recurses over them would fail. */
const MAX_DEPTH = 32

const BROKEN_TEXT = /\0|\p{Surrogate}/u

/**
 * What in a value of an envelope could not be kept as it came: text with NUL or half a surrogate pair, numbers beyond
 * what a double holds exactly, nesting without end, and the one name that objects give a meaning to. The payload is
 * never looked at like this.
 */
export function unstorable(value: unknown, path: string): ValidationIssue[] {
  const issues: ValidationIssue[] = []
  collect(value, path, MAX_DEPTH, issues)
  return issues
}

function collect(value: unknown, path: string, depth: number, issues: ValidationIssue[]): void {
  if (typeof value === 'string') {
    if (BROKEN_TEXT.test(value))
      issues.push({ path, message: 'must not contain NUL or half a surrogate pair' })
  } else if (typeof value === 'number') {
    if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) {
      issues.push({ path, message: 'is out of range', expected: 'a number from -(2^53 - 1) to 2^53 - 1' })
    }
  } else if (typeof value === 'object' && value !== null) {
    if (depth === 0) issues.push({ path, message: `must not be nested deeper than ${MAX_DEPTH} levels` })
    else collectInside(value, path, depth - 1, issues)
  }
}

function collectInside(value: object, path: string, depth: number, issues: ValidationIssue[]): void {
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) collect(item, joinPath(path, at), depth, issues)
    return
  }
  for (const [name, field] of Object.entries(value)) {
    const fieldPath = joinPath(path, name)
    if (name === '__proto__' || BROKEN_TEXT.test(name))
      issues.push({ path: fieldPath, message: 'is not a usable name' })
    collect(field, fieldPath, depth, issues)
  }
}
