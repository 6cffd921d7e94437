import type { ValidationIssue } from '@posthorn/core'

const DAY_MS = 86_400_000

/** Upper limit of every duration in the settings: one day, in milliseconds. */
export const MAX_DURATION_MS: number = DAY_MS

/** An object of unknown content, after it was seen to be one. */
export type Fields = Readonly<Record<string, unknown>>

/** Tells a plain object from everything else that JSON can hold. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads unknown input field by field and keeps every mistake, so that a user sees all of them at once. A reader
 * answers `undefined` for a field that is absent or wrong; only the latter leaves an issue.
 */
export class Inspector {
  readonly issues: ValidationIssue[] = []

  refuse(path: string, message: string, expected?: string): undefined {
    this.issues.push(expected === undefined ? { path, message } : { path, message, expected })
    return undefined
  }

  /** The value as an object; refuses fields that are not in `known` by name. */
  fields(value: unknown, path: string, known: readonly string[]): Fields | undefined {
    if (!isFields(value)) return this.refuse(path, 'must be an object', 'object')
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) {
        this.refuse(join(path, name), 'is not a known field', `one of ${known.join(', ')}`)
      }
    }
    return value
  }

  integer(value: unknown, path: string, min: number, max: number): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    return this.refuse(path, `must be a whole number from ${min} to ${max}`, `integer ${min}..${max}`)
  }

  share(value: unknown, path: string): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && value > 0 && value <= 1) return value
    return this.refuse(path, 'must be a share above 0 and at most 1', 'number 0..1')
  }

  /** Says that a field is missing, if it is. */
  required<T>(value: T | undefined, given: unknown, path: string): T | undefined {
    if (given === undefined) return this.refuse(path, 'is missing')
    return value
  }
}

/** The path of a field inside another: `window` and `size` make `window.size`. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
