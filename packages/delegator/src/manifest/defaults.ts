import { type ExponentialPolicy, RETRY_PRESETS, type ValidationIssue } from '@posthorn/core'
import { joinPath } from './issues.ts'
import { TIMEOUT_LIMITS } from './limits.ts'

/** What holds where a manifest says nothing; an operator's configuration. */
export interface CallDefaults {
  /** Milliseconds that a call may take (`WEBHOOK_TIMEOUT_DEFAULT`). Default 10 000. */
  readonly timeoutMs: number
  /** The same by capability (`WEBHOOK_TIMEOUT_<CAPABILITY>`). */
  readonly timeoutMsByCapability: Readonly<Record<string, number>>
  /**
   * What the fields are that a manifest's `retry` leaves out, and the retries of an asynchronous capability without
   * one. Default: 4 tries with 1, 2 and 4 s between them; jitter only adds.
   */
  readonly retry: ExponentialPolicy
  /** Name of the fallback strategy by capability; `static` with `data: null` for every other. */
  readonly fallbackByCapability: Readonly<Record<string, string>>
}

/** The defaults of the defaults. */
export const CALL_DEFAULTS: CallDefaults = Object.freeze({
  timeoutMs: 10_000,
  timeoutMsByCapability: { quiz_answer: 2_000, winner_selection: 5_000, participant_registration: 3_000 },
  retry: { ...exponential(RETRY_PRESETS.call), maxAttempts: 4 },
  fallbackByCapability: {
    winner_selection: 'random-winner',
    participant_registration: 'pending-approval',
  },
})

/** The given defaults over {@link CALL_DEFAULTS}; a map that is given replaces the whole map. */
export function withCallDefaults(given: Partial<CallDefaults> | undefined): CallDefaults {
  return { ...CALL_DEFAULTS, ...given }
}

/** The timeout of a capability whose manifest names none, or whose manifest is not at hand. */
export function defaultTimeoutMs(defaults: CallDefaults, capability: string): number {
  return ownValue(defaults.timeoutMsByCapability, capability) ?? defaults.timeoutMs
}

/** The name of the fallback of such a capability. */
export function defaultFallback(defaults: CallDefaults, capability: string): string {
  return ownValue(defaults.fallbackByCapability, capability) ?? 'static'
}

/** Every mistake in an operator's defaults. */
export function defaultsIssues(defaults: CallDefaults, strategies: ReadonlySet<string>): ValidationIssue[] {
  const { minMs, maxMs } = TIMEOUT_LIMITS
  const expected = `an integer from ${minMs} to ${maxMs}`
  const timeouts: [string, number][] = [
    ['timeoutMs', defaults.timeoutMs],
    ...Object.entries(defaults.timeoutMsByCapability).map(([name, ms]): [string, number] => [
      joinPath('timeoutMsByCapability', name),
      ms,
    ]),
  ]
  const wrongTimes = timeouts.filter(([, ms]) => !Number.isSafeInteger(ms) || ms < minMs || ms > maxMs)
  const wrongNames = Object.entries(defaults.fallbackByCapability).filter(([, name]) => !strategies.has(name))
  return [
    ...wrongTimes.map(([path]) => ({ path, message: 'is no timeout of a call', expected })),
    ...wrongNames.map(([name]) => ({
      path: joinPath('fallbackByCapability', name),
      message: 'names no fallback strategy',
      expected: `one of ${[...strategies].join(', ')}`,
    })),
  ].map((issue) => ({ ...issue, path: `defaults.${issue.path}` }))
}

function exponential(policy: (typeof RETRY_PRESETS)['call']): ExponentialPolicy {
  if (policy.kind !== 'exponential') throw new TypeError('the preset call is exponential')
  return policy
}

/** A name such as `constructor` must not find what every object has. */
function ownValue<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined
}
