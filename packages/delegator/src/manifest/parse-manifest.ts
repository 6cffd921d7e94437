import { type ExponentialPolicy, err, ok, type Result, type ValidationIssue } from '@posthorn/core'
import { createNetworkPolicy, type NetworkPolicy } from '@posthorn/dispatcher'
import { z } from 'zod'
import type { JsonSchema } from '../answer/json-schema.ts'
import { BUILT_IN_GRAMMARS } from '../fallbacks/grammar.ts'
import type { FallbackGrammar } from '../fallbacks/strategy.ts'
import type { Capability, FallbackChoice, Manifest } from './capability.ts'
import { crossRuleIssues } from './cross-rules.ts'
import { type CallDefaults, defaultFallback, defaultTimeoutMs, withCallDefaults } from './defaults.ts'
import { issuesOf } from './issues.ts'
import { manifestSchema, type WrittenCapability } from './schema.ts'

/** What a manifest is read with. */
export interface ManifestOptions {
  /** What holds where the manifest says nothing. */
  readonly defaults?: Partial<CallDefaults>
  /** Strategies beside the built-in ones; one of the same name takes its place. */
  readonly strategies?: readonly FallbackGrammar[]
  /** Where an app may live; everything that is not public is refused unless given. */
  readonly networkPolicy?: NetworkPolicy
}

/**
 * Reads an app's manifest, `{ webhooks: { <capability>: url | { url, timeout, … } }, health? }`, and fills in the
 * defaults. Durations in it are milliseconds, under the manifest's own names.
 *
 * @param input parsed JSON of unknown content
 * @returns the manifest, or every mistake at once, each with its path: `webhooks.quiz_answer.retry.maxAttempts`
 */
export function parseManifest(
  input: unknown,
  options: ManifestOptions = {},
): Result<Manifest, ValidationIssue[]> {
  const strategies = strategiesOf(options.strategies)
  const networkPolicy = options.networkPolicy ?? createNetworkPolicy()
  const parsed = manifestSchema({ networkPolicy, strategies }).safeParse(input, { reportInput: true })
  const issues = parsed.success ? [] : issuesOf(parsed.error)
  const found = new Set(issues.map(({ path }) => path))
  // A field that is wrong by itself is told once.
  issues.push(...crossRuleIssues(input).filter(({ path }) => !found.has(path)))
  if (!parsed.success || issues.length > 0) return err(issues)
  const defaults = withCallDefaults(options.defaults)
  const capabilities = Object.entries(parsed.data.webhooks).map(([name, entry]) =>
    capabilityOf(
      name,
      typeof entry === 'string' ? { url: entry, async: false } : entry,
      defaults,
      strategies,
    ),
  )
  const healthUrl = parsed.data.health ?? healthUrlOf(capabilities[0])
  return ok({ capabilities, ...(healthUrl !== undefined && { healthUrl }) })
}

/**
 * The manifest's grammar as a JSON Schema (draft 2020-12), for editors and API descriptions. It says everything but
 * the rules over several fields and what a URL or a `responseSchema` must be like inside.
 */
export function manifestJsonSchema(
  options: Pick<ManifestOptions, 'strategies'> = {},
): Record<string, unknown> {
  const strategies = strategiesOf(options.strategies)
  return z.toJSONSchema(manifestSchema({ networkPolicy: createNetworkPolicy(), strategies }), { io: 'input' })
}

/** The built-in grammars and those given, which take the place of one of the same name. */
export function strategiesOf(given: readonly FallbackGrammar[] = []): FallbackGrammar[] {
  return [...new Map([...BUILT_IN_GRAMMARS, ...given].map((grammar) => [grammar.name, grammar])).values()]
}

function capabilityOf(
  name: string,
  written: WrittenCapability,
  defaults: CallDefaults,
  strategies: readonly FallbackGrammar[],
): Capability {
  return {
    name,
    url: written.url,
    timeoutMs: written.timeout ?? defaultTimeoutMs(defaults, name),
    isAsync: written.async,
    retry: retryOf(written, defaults.retry),
    fallback: fallbackChoice(written.fallback ?? defaultFallback(defaults, name), strategies),
    ...(written.responseSchema !== undefined && { responseSchema: written.responseSchema as JsonSchema }),
    cacheTtlMs: written.cacheTtl ?? 0,
  }
}

function retryOf({ retry, async }: WrittenCapability, unset: ExponentialPolicy): ExponentialPolicy {
  if (retry === undefined) return async ? unset : { ...unset, maxAttempts: 1 }
  const initialDelayMs = retry.initialDelay ?? Math.min(unset.initialDelayMs, retry.maxDelay ?? Infinity)
  return {
    ...unset,
    initialDelayMs,
    maxDelayMs: retry.maxDelay ?? Math.max(unset.maxDelayMs, initialDelayMs),
    ...(retry.maxAttempts !== undefined && { maxAttempts: retry.maxAttempts }),
    ...(retry.backoffMultiplier !== undefined && { backoffMultiplier: retry.backoffMultiplier }),
  }
}

/** A name with the options that its strategy has when none are given, or the options that were given. */
export function fallbackChoice(
  written: string | Readonly<Record<string, unknown>>,
  strategies: readonly FallbackGrammar[],
): FallbackChoice {
  const { strategy, ...options } = typeof written === 'string' ? { strategy: written } : written
  const grammar = strategies.find(({ name }) => name === strategy)
  return { strategy: String(strategy), options: grammar?.options.parse(options) ?? {} }
}

function healthUrlOf(first: Capability | undefined): string | undefined {
  return first === undefined ? undefined : new URL('/health', first.url).href
}
