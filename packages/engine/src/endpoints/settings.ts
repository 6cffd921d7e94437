import { type CircuitSettings, parseCircuitSettings } from '@posthorn/circuit-breaker'
import { parseRetryPolicy, type RetryPolicy, type ValidationIssue } from '@posthorn/core'
import { ENDPOINT_FORMATS, type EndpointSettings } from '@posthorn/db'
import { type NetworkPolicy, parseCustomHeaders } from '@posthorn/dispatcher'
import { z } from 'zod'
import { eventTypeFilter, storableText } from '../events/input.ts'
import type { EndpointInput } from '../types.ts'
import { parseInput, throwIssues } from '../validation.ts'

/** What an endpoint is where its owner says nothing, and where it may point. */
export interface EndpointDefaults {
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryPolicy
  readonly circuit: CircuitSettings
  readonly policy: NetworkPolicy
}

const DEFAULT_CONCURRENCY = 16
const TIMEOUT = { min: 100, max: 300_000 }
const CONNECT_TIMEOUT = { min: 50, max: 60_000 }

const whole = (min: number, max: number) =>
  z.int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)

/** What the URL standard would silently mend: blanks and line breaks left out, `http:///a` read as the host `a`. */
const plainUrl = z
  .string('must be a string')
  .refine((text) => !/[\s\p{Cc}]/u.test(text), 'must not contain blanks or control characters')
  .refine((text) => !/^https?:(?!\/\/[^/\\?#])/i.test(text), 'has no host behind its scheme and //')

const endpointSchema = z.strictObject({
  url: plainUrl,
  eventTypes: z.array(eventTypeFilter, 'must be a list').max(100, 'must have at most 100 entries').optional(),
  description: storableText(500).nullish(),
  capability: z
    .string('must be a string')
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower-case letters, digits and _')
    .nullish(),
  headers: z.unknown().optional(),
  timeoutMs: whole(TIMEOUT.min, TIMEOUT.max).optional(),
  connectTimeoutMs: whole(CONNECT_TIMEOUT.min, CONNECT_TIMEOUT.max).optional(),
  retry: z.unknown().optional(),
  successCodes: z.array(whole(200, 599), 'must be a list').min(1, 'must not be empty').max(50).nullish(),
  format: z.enum(ENDPOINT_FORMATS, `must be one of ${ENDPOINT_FORMATS.join(', ')}`).optional(),
  maxConcurrency: whole(1, 512).optional(),
  rateLimit: z.strictObject({ limit: whole(1, 100_000), periodMs: whole(100, 86_400_000) }).nullish(),
  circuit: z.unknown().optional(),
  signing: z.enum(['v1', 'v1a'], 'must be v1 or v1a').optional(),
  orderingOnFailure: z.enum(['continue', 'halt'], 'must be continue or halt').optional(),
  enabled: z.boolean('must be true or false').optional(),
})

/**
 * Checks what an endpoint is told and fills in the rest.
 *
 * @throws ValidationError with every mistake at once
 */
export function parseEndpoint(
  input: EndpointInput,
  defaults: EndpointDefaults,
): EndpointSettings & { enabled: boolean } {
  const given = parseInput(endpointSchema, input)
  const issues: ValidationIssue[] = []
  const take = <T>(
    result: { ok: true; value: T } | { ok: false; error: ValidationIssue[] },
    fallback: T,
  ): T => {
    if (result.ok) return result.value
    issues.push(...result.error)
    return fallback
  }
  const url = take<URL | string>(defaults.policy.checkUrl(given.url, 'url'), given.url)
  const retry =
    given.retry === undefined ? defaults.retry : take(parseRetryPolicy(given.retry, 'retry'), defaults.retry)
  const circuit = take(parseCircuit(given.circuit, defaults.circuit), defaults.circuit)
  const headers = given.headers === undefined ? {} : take(parseCustomHeaders(given.headers, 'headers'), {})
  throwIssues(issues)
  return {
    url: String(url),
    eventTypes: [...new Set(given.eventTypes ?? [])],
    description: given.description ?? null,
    capability: given.capability ?? null,
    headers,
    timeoutMs: given.timeoutMs ?? defaults.timeoutMs,
    connectTimeoutMs: given.connectTimeoutMs ?? defaults.connectTimeoutMs,
    retry,
    successCodes: given.successCodes ?? null,
    format: given.format ?? 'raw',
    maxConcurrency: given.maxConcurrency ?? DEFAULT_CONCURRENCY,
    rateLimit: given.rateLimit ?? null,
    circuit,
    signing: given.signing ?? 'v1',
    orderingOnFailure: given.orderingOnFailure ?? 'continue',
    enabled: given.enabled ?? true,
  }
}

function parseCircuit(input: unknown, defaults: CircuitSettings) {
  if (input === undefined) return { ok: true as const, value: defaults }
  const merged =
    typeof input === 'object' && input !== null && !Array.isArray(input) ? { ...defaults, ...input } : input
  const parsed = parseCircuitSettings(merged)
  // One probe at a time is what the shared circuit can lease; more would be a promise that the claim does not keep.
  if (parsed.ok && parsed.value.halfOpenProbes !== 1) {
    return {
      ok: false as const,
      error: [{ path: 'circuit.halfOpenProbes', message: 'must be 1 for an endpoint', expected: '1' }],
    }
  }
  if (parsed.ok) return parsed
  return {
    ok: false as const,
    error: parsed.error.map((issue) => ({
      ...issue,
      path: issue.path ? `circuit.${issue.path}` : 'circuit',
    })),
  }
}
