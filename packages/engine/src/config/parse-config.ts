import { REDACTED, redactUrl, ValidationError, type ValidationIssue } from '@posthorn/core'
import type { z } from 'zod'
import { type Environment, readVariables } from './environment.ts'
import { SECRET_VARIABLES } from './settings.ts'

/**
 * Reads a configuration out of an environment. Variables that the schema does not know are left to others.
 *
 * @throws ValidationError with every mistake at once, each under the name of its variable; no value is repeated in it
 */
export function parseConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment = process.env,
): z.output<z.ZodObject<Shape>> {
  const issues: ValidationIssue[] = []
  const variables = readVariables(env, Object.keys(schema.shape), SECRET_VARIABLES, issues)
  const parsed = schema.safeParse(variables)
  const reported = new Set(issues.map((issue) => issue.path.replace(/_FILE$/, '')))
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '')
    if (reported.has(name)) continue
    // A rule over several fields may find fault with one that is not given: it has its own words.
    const isMissing = variables[name] === undefined && issue.code !== 'custom'
    issues.push({ path: name, message: isMissing ? 'is missing' : issue.message })
  }
  if (parsed.success && issues.length === 0) return parsed.data
  throw new ValidationError(issues)
}

/** A configuration as it may be shown: secrets taken out, connection strings without credentials. */
export function redactedConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, given]) => [name, redacted(name, given)]))
}

function redacted(name: string, given: unknown): unknown {
  if (!SECRET_VARIABLES.has(name) || given === undefined) return given
  return name.endsWith('_URL') ? redactUrl(String(given)) : REDACTED
}
