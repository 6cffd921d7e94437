import { readFileSync } from 'node:fs'
import type { ValidationIssue } from '@posthorn/core'

/** Variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The named variables that are set, with `<NAME>_FILE` read in place of a secret. An empty variable counts as not set, as
 * in Compose files that pass one on. Mistakes are added to `issues`.
 */
export function readVariables(
  env: Environment,
  names: readonly string[],
  secrets: ReadonlySet<string>,
  issues: ValidationIssue[],
): Record<string, string> {
  const values: Record<string, string> = {}
  for (const name of names) {
    const value = secrets.has(name) ? readSecret(env, name, issues) : env[name]
    if (value !== undefined && value !== '') values[name] = value
  }
  return values
}

function readSecret(env: Environment, name: string, issues: ValidationIssue[]): string | undefined {
  const [value, path] = [env[name], env[`${name}_FILE`]]
  if (!path) return value
  if (value) {
    issues.push({ path: `${name}_FILE`, message: `is given beside ${name}; only one of them can be meant` })
    return undefined
  }
  try {
    // Editors and `echo` end a file with a line break that is no part of the secret.
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    issues.push({ path: `${name}_FILE`, message: `cannot be read (${reason})` })
    return undefined
  }
}
