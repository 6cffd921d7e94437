import { DEFAULT_CIRCUIT_SETTINGS, parseCircuitSettings } from '@posthorn/circuit-breaker'
import { parseRetryPolicy, type Result, ValidationError, type ValidationIssue } from '@posthorn/core'
import { createNetworkPolicy } from '@posthorn/dispatcher'
import type { EndpointDefaults } from './endpoints/settings.ts'
import type { PosthornOptions } from './types.ts'

/** Smallest and largest value of each number among the options. */
const RANGES = {
  concurrency: [1, 10_000],
  pollIntervalMs: [10, 60_000],
  timeoutMs: [100, 300_000],
  connectTimeoutMs: [50, 60_000],
  responseLimitBytes: [0, 1_048_576],
} as const satisfies Partial<Record<keyof PosthornOptions, readonly [number, number]>>

/**
 * What endpoints get that say nothing themselves, out of the engine's options.
 *
 * @throws ValidationError with every option that is wrong
 */
export function endpointDefaults(options: PosthornOptions): EndpointDefaults {
  const issues = numberIssues(options)
  const take = <T>(result: Result<T, ValidationIssue[]>, under = ''): T | undefined => {
    if (result.ok) return result.value
    issues.push(...result.error.map((issue) => ({ ...issue, path: under + issue.path })))
    return undefined
  }
  const retry = take(parseRetryPolicy(options.retry ?? 'default', 'retry'))
  const circuit = take(parseCircuitSettings({ ...DEFAULT_CIRCUIT_SETTINGS, ...options.circuit }), 'circuit.')
  if (!retry || !circuit || issues.length > 0) throw new ValidationError(issues)
  return {
    timeoutMs: options.timeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    retry,
    circuit,
    policy: createNetworkPolicy({ allowedCidrs: [...(options.allowedCidrs ?? [])] }),
  }
}

function numberIssues(options: PosthornOptions): ValidationIssue[] {
  return Object.entries(RANGES).flatMap(([path, [least, most]]) => {
    const given = options[path as keyof typeof RANGES]
    if (given === undefined || (Number.isInteger(given) && given >= least && given <= most)) return []
    return [{ path, message: 'is out of range', expected: `a whole number from ${least} to ${most}` }]
  })
}
