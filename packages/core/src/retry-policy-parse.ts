import type { ValidationIssue } from './errors.ts'
import { err, ok, type Result } from './result.ts'
import {
  type ExponentialPolicy,
  JITTERS,
  type Jitter,
  policySpanMs,
  RETRY_LIMITS,
  RETRY_PRESETS,
  type RetryPolicy,
  type RetryPresetName,
  type SchedulePolicy,
  withAge,
} from './retry-policy.ts'

const SCHEDULE_FIELDS = ['kind', 'delays', 'maxAttempts', 'jitter', 'maxAgeMs']
const EXPONENTIAL_FIELDS = [
  ...['kind', 'initialDelayMs', 'maxDelayMs', 'backoffMultiplier', 'maxAttempts', 'jitter', 'maxAgeMs'],
]
const ACCEPTED = 'a list of waits in milliseconds, a policy object or a preset name'

/** Collects the mistakes of one policy, so that all of them can be answered together. */
class Checker {
  readonly issues: ValidationIssue[] = []
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  at(field: string): string {
    return this.#path === '' || field === '' ? this.#path + field : `${this.#path}.${field}`
  }

  add(path: string, message: string, expected: string): void {
    this.issues.push({ path, message, expected })
  }

  /** `value` when it is a number within the bounds, else `fallback` after noting the mistake. */
  number(
    value: unknown,
    path: string,
    least: number,
    most: number,
    fallback: number,
    fraction = false,
  ): number {
    const good =
      typeof value === 'number' && (fraction ? Number.isFinite(value) : Number.isSafeInteger(value))
    if (good && value >= least && value <= most) return value
    const kind = fraction ? 'a number' : 'an integer'
    const message = value === undefined ? 'is missing' : good ? 'is out of range' : `is not ${kind}`
    this.add(path, message, `${kind} from ${least} to ${most}`)
    return fallback
  }

  unknownFields(input: object, known: readonly string[]): void {
    for (const name of Object.keys(input)) {
      if (!known.includes(name))
        this.add(this.at(name), `unknown field "${name}"`, `one of ${known.join(', ')}`)
    }
  }

  jitter(value: unknown): Jitter {
    const found = value === undefined ? 'positive' : JITTERS.find((one) => one === value)
    if (found !== undefined) return found
    this.add(this.at('jitter'), 'is not a kind of jitter', `one of ${JITTERS.join(', ')}`)
    return 'positive'
  }

  attempts(value: unknown, fallback: number | undefined): number {
    if (value === undefined && fallback !== undefined) return fallback
    return this.number(value, this.at('maxAttempts'), 1, RETRY_LIMITS.maxAttempts, 1)
  }

  age(value: unknown): { maxAgeMs?: number } {
    if (value === undefined) return {}
    return { maxAgeMs: this.number(value, this.at('maxAgeMs'), 1, RETRY_LIMITS.maxAgeMs, 1) }
  }

  delays(value: unknown, path: string): readonly number[] {
    if (!Array.isArray(value)) {
      this.add(path, 'is not a list', 'a list of waits in milliseconds')
      return []
    }
    const list: readonly unknown[] = value
    if (list.length > RETRY_LIMITS.maxDelays) {
      this.add(path, `has ${list.length} waits`, `at most ${RETRY_LIMITS.maxDelays} waits`)
    }
    return Array.from(list.slice(0, RETRY_LIMITS.maxDelays), (delay, i) =>
      this.number(delay, `${path}[${i}]`, 0, RETRY_LIMITS.maxDelayMs, 0),
    )
  }

  /** The policy, once nothing is wrong with its parts and its span fits. */
  finish(policy: RetryPolicy): Result<RetryPolicy, ValidationIssue[]> {
    if (this.issues.length > 0) return err(this.issues)
    const span = policySpanMs(policy)
    if (span > RETRY_LIMITS.maxAgeMs) {
      this.add(this.at(''), `takes up to ${span} ms`, `at most ${RETRY_LIMITS.maxAgeMs} ms (365 days)`)
    } else if (policy.maxAgeMs < span) {
      const expected = `at least ${span}, the longest time the schedule takes`
      this.add(this.at('maxAgeMs'), 'is shorter than the schedule', expected)
    }
    return this.issues.length > 0 ? err(this.issues) : ok(policy)
  }
}

/**
 * Reads a retry policy: a list of waits, an object (`{ delays, … }` or `{ initialDelayMs, … }`) or a
 * preset's name. Every mistake is reported at once, with its path below `path` and what was expected;
 * unknown fields are refused by name. Defaults: `maxAttempts` is the number of waits + 1,
 * `backoffMultiplier` 2, `jitter` `positive`, `maxAgeMs` three days or the span when that is longer.
 * A policy that was written as JSON reads as itself.
 */
export function parseRetryPolicy(input: unknown, path = ''): Result<RetryPolicy, ValidationIssue[]> {
  const check = new Checker(path)
  if (typeof input === 'string') {
    if (Object.hasOwn(RETRY_PRESETS, input)) return ok(RETRY_PRESETS[input as RetryPresetName])
    check.add(path, `unknown preset "${input}"`, `one of ${Object.keys(RETRY_PRESETS).join(', ')}`)
    return err(check.issues)
  }
  if (Array.isArray(input)) return parseSchedule(check, { delays: input }, path)
  if (typeof input !== 'object' || input === null) {
    check.add(path, 'is not a retry policy', ACCEPTED)
    return err(check.issues)
  }
  const { kind } = input as { kind?: unknown }
  if (kind !== undefined && kind !== 'schedule' && kind !== 'exponential') {
    check.add(check.at('kind'), 'is not a kind of retry policy', 'schedule or exponential')
  }
  const isSchedule = kind === 'schedule' || (kind !== 'exponential' && 'delays' in input)
  return isSchedule ? parseSchedule(check, input, check.at('delays')) : parseExponential(check, input)
}

function parseSchedule(
  check: Checker,
  input: object,
  delaysPath: string,
): Result<RetryPolicy, ValidationIssue[]> {
  const given = input as { [K in keyof SchedulePolicy]?: unknown }
  check.unknownFields(input, SCHEDULE_FIELDS)
  const delays = check.delays(given.delays, delaysPath)
  const maxAttempts = check.attempts(given.maxAttempts, Math.min(delays.length + 1, RETRY_LIMITS.maxAttempts))
  if (check.issues.length === 0 && delays.length === 0 && maxAttempts > 1) {
    check.add(delaysPath, 'is empty, though there is more than one attempt', 'at least one wait')
  }
  const parts = { kind: 'schedule', delays, maxAttempts, jitter: check.jitter(given.jitter) } as const
  return check.finish(withAge<SchedulePolicy>({ ...parts, ...check.age(given.maxAgeMs) }))
}

function parseExponential(check: Checker, input: object): Result<RetryPolicy, ValidationIssue[]> {
  const given = input as { [K in keyof ExponentialPolicy]?: unknown }
  const { maxDelayMs: most, maxBackoffMultiplier } = RETRY_LIMITS
  check.unknownFields(input, EXPONENTIAL_FIELDS)
  const initialDelayMs = check.number(given.initialDelayMs, check.at('initialDelayMs'), 0, most, 0)
  const maxDelayMs = check.number(given.maxDelayMs, check.at('maxDelayMs'), initialDelayMs, most, most)
  const parts = {
    kind: 'exponential',
    initialDelayMs,
    maxDelayMs,
    backoffMultiplier:
      given.backoffMultiplier === undefined
        ? 2
        : check.number(
            given.backoffMultiplier,
            check.at('backoffMultiplier'),
            1,
            maxBackoffMultiplier,
            2,
            true,
          ),
    maxAttempts: check.attempts(given.maxAttempts, undefined),
    jitter: check.jitter(given.jitter),
  } as const
  return check.finish(withAge<ExponentialPolicy>({ ...parts, ...check.age(given.maxAgeMs) }))
}
