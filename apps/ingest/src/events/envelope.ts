import type { ValidationIssue } from '@posthorn/core'
import { type PublishInput, rawJson } from '@posthorn/engine'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { issuesOf } from '../problems/zod-issues.ts'
import { envelopeSchema } from './envelope-schema.ts'
import { type Member, membersOf } from './spans.ts'
import { unstorable } from './storable.ts'

/**
 * Turns one event of a request into what the engine takes. The payload is the part of the text that its value takes up,
 * to the character.
 *
 * @param text JSON text that `JSON.parse` accepted
 * @param value what `JSON.parse` made of the event
 * @param from where in the text the event begins
 * @throws ProblemError 422 with every mistake at once
 */
export function readEnvelope(text: string, value: unknown, from: number): PublishInput {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ProblemError(invalid([{ path: '', message: 'must be an object' }]))
  }
  const members = membersOf(text, from)
  const parsed = envelopeSchema.safeParse(value, { reportInput: true })
  const payload = members.find((member) => member.name === 'payload')
  const issues = [
    ...(parsed.error ? issuesOf(parsed.error) : []),
    ...(payload ? [] : [{ path: 'payload', message: 'is missing', expected: 'any JSON value' }]),
    ...duplicates(members),
    ...unstorableFields(value),
  ]
  if (!parsed.success || !payload || issues.length > 0) throw new ProblemError(invalid(issues))
  return { ...parsed.data, payload: rawJson(text.slice(payload.start, payload.end), { isChecked: true }) }
}

/** Which of two members of the same name is meant, nobody can say. */
export function duplicates(members: readonly Member[]): ValidationIssue[] {
  const seen = new Set<string>()
  const twice = members.filter(({ name }) => seen.size === seen.add(name).size)
  return twice.map(({ name }) => ({ path: name, message: 'is given more than once' }))
}

function unstorableFields(value: object): ValidationIssue[] {
  const { metadata, headers } = value as { metadata?: unknown; headers?: unknown }
  return [
    ...(metadata === undefined ? [] : unstorable(metadata, 'metadata')),
    ...(headers === undefined ? [] : unstorable(headers, 'headers')),
  ]
}
