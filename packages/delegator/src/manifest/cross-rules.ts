import type { ValidationIssue } from '@posthorn/core'
import { joinPath } from './issues.ts'
import { CAPABILITY_NAME, CAPABILITY_NAME_MESSAGE, TIMEOUT_LIMITS } from './limits.ts'

type Fields = Readonly<Record<string, unknown>>

const NOBODY_WAITS = 'has no meaning when async is true: nobody waits for the answer'

/**
 * The rules of a manifest that concern names, or several fields at once. They look at the input as it came, so that
 * they are told together with the mistakes of single fields.
 */
export function crossRuleIssues(input: unknown): ValidationIssue[] {
  const webhooks = fieldsOf(fieldsOf(input)['webhooks'])
  return Object.entries(webhooks).flatMap(([name, entry]) => {
    const path = joinPath('webhooks', name)
    const named = CAPABILITY_NAME.test(name) ? [] : [{ path, message: CAPABILITY_NAME_MESSAGE }]
    return [...named, ...entryIssues(path, fieldsOf(entry))]
  })
}

function entryIssues(path: string, entry: Fields): ValidationIssue[] {
  const { timeout, async, retry, responseSchema, cacheTtl } = entry
  const issues: ValidationIssue[] = []
  const refuse = (field: string, message: string) => issues.push({ path: `${path}.${field}`, message })
  const { maxMs } = TIMEOUT_LIMITS
  if (async !== true && isAbove(timeout, maxMs))
    refuse('timeout', `must be at most ${maxMs} unless async is true`)
  if (async === true && responseSchema !== undefined) refuse('responseSchema', NOBODY_WAITS)
  if (async === true && cacheTtl !== undefined) refuse('cacheTtl', NOBODY_WAITS)
  const { initialDelay, maxDelay } = fieldsOf(retry)
  if (isAbove(initialDelay, maxDelay)) refuse('retry.initialDelay', 'must not be above maxDelay')
  return issues
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function isAbove(value: unknown, bound: unknown): boolean {
  return typeof value === 'number' && typeof bound === 'number' && value > bound
}
