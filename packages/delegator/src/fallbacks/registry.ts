import { ValidationError, type ValidationIssue } from '@posthorn/core'
import { NO_FALLBACK } from './grammar.ts'
import type { FallbackStrategy } from './strategy.ts'

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/** Strategies by name. */
export type FallbackRegistry = ReadonlyMap<string, FallbackStrategy>

/**
 * A registry of strategies; a later one takes the place of an earlier one of the same name.
 *
 * @throws ValidationError naming each strategy whose name is none
 */
export function fallbackRegistry(strategies: readonly FallbackStrategy[]): FallbackRegistry {
  const issues = strategies.flatMap(({ name }, index): ValidationIssue[] => {
    const path = `strategies[${index}].name`
    if (name === NO_FALLBACK)
      return [{ path, message: `must not be ${NO_FALLBACK}: it means that there is none` }]
    return NAME.test(name) ? [] : [{ path, message: 'must be lower-case words joined by -' }]
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return new Map(strategies.map((strategy) => [strategy.name, strategy]))
}
