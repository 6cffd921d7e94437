import { DEFAULT_CIRCUIT_SETTINGS, parseCircuitSettings } from '@posthorn/circuit-breaker'
import { err, ok, parseRetryPolicy, type Result, ValidationError, type ValidationIssue } from '@posthorn/core'
import { createKeyring, type Keyring } from '@posthorn/db'
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

/** What the engine makes of its options. */
export interface CheckedOptions {
  /** What endpoints get that say nothing themselves. */
  readonly defaults: EndpointDefaults
  readonly keyring: Keyring
}

/** @throws ValidationError with every option that is wrong */
export function checkOptions(options: PosthornOptions): CheckedOptions {
  const issues = [...connectionIssues(options), ...numberIssues(options)]
  const take = <T>(result: Result<T, ValidationIssue[]>, under = ''): T | undefined => {
    if (result.ok) return result.value
    issues.push(...result.error.map((issue) => ({ ...issue, path: under + issue.path })))
    return undefined
  }
  const retry = take(parseRetryPolicy(options.retry ?? 'default', 'retry'))
  const circuit = take(parseCircuitSettings({ ...DEFAULT_CIRCUIT_SETTINGS, ...options.circuit }), 'circuit.')
  const keyring = take(keyringOf(options.encryptionKeys))
  if (!retry || !circuit || !keyring || issues.length > 0) throw new ValidationError(issues)
  return {
    defaults: {
      timeoutMs: options.timeoutMs ?? 30_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      retry,
      circuit,
      policy: createNetworkPolicy({ allowedCidrs: [...(options.allowedCidrs ?? [])] }),
    },
    keyring,
  }
}

/** Callers without types, and `process.env`, give what the types forbid. */
function connectionIssues({ connectionString, pool }: PosthornOptions): ValidationIssue[] {
  if ((connectionString === undefined) === (pool === undefined))
    return [{ path: 'connectionString', message: 'give either connectionString or pool' }]
  if (pool !== undefined || (typeof connectionString === 'string' && connectionString.trim() !== ''))
    return []
  return [
    {
      path: 'connectionString',
      message: 'is empty',
      expected: 'postgres://user:password@host:port/database',
    },
  ]
}

function keyringOf(keys: unknown): Result<Keyring, ValidationIssue[]> {
  const path = 'encryptionKeys'
  if (typeof keys !== 'string' || keys.trim() === '')
    return err([{ path, message: 'is missing', expected: 'id:<32 bytes in base64>' }])
  try {
    return ok(createKeyring(keys))
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    return err(error.issues.map((issue) => ({ ...issue, path: issue.path.replace(/^\w+/, path) })))
  }
}

function numberIssues(options: PosthornOptions): ValidationIssue[] {
  return Object.entries(RANGES).flatMap(([path, [least, most]]) => {
    const given = options[path as keyof typeof RANGES]
    if (given === undefined || (Number.isInteger(given) && given >= least && given <= most)) return []
    return [{ path, message: 'is out of range', expected: `a whole number from ${least} to ${most}` }]
  })
}
