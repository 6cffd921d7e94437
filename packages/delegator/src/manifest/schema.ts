import type { NetworkPolicy } from '@posthorn/dispatcher'
import { z } from 'zod'
import { SchemaBudget } from '../answer/schema-limits.ts'
import { responseSchemaIssues } from '../answer/schema-rules.ts'
import { NO_FALLBACK, noFallbackOptions } from '../fallbacks/grammar.ts'
import type { FallbackGrammar } from '../fallbacks/strategy.ts'
import { issuesOf } from './issues.ts'
import { MAX_CACHE_TTL_MS, MAX_CAPABILITIES, RETRY_LIMITS_OF_CALLS, TIMEOUT_LIMITS } from './limits.ts'

/** What a manifest is checked against beside its form. */
export interface ManifestRules {
  readonly networkPolicy: NetworkPolicy
  readonly strategies: readonly FallbackGrammar[]
}

/** A manifest as it is written, once it was found to be right. */
export type WrittenManifest = z.output<ReturnType<typeof manifestSchema>>
/** One of its entries in the long form. */
export type WrittenCapability = Exclude<WrittenManifest['webhooks'][string], string>

/** The grammar of one manifest, but for the rules in `cross-rules.ts`. Its descriptions are the reference in docs/guides/call-apps.md. */
export function manifestSchema(rules: ManifestRules) {
  const url = urlSchema(rules.networkPolicy)
  const responseSchema = responseSchemaSchema(new SchemaBudget())
  return z.strictObject({
    webhooks: z
      .record(z.string(), z.union([url, capabilitySchema({ url, responseSchema }, rules.strategies)]))
      .refine((webhooks) => Object.keys(webhooks).length <= MAX_CAPABILITIES, {
        error: `must have at most ${MAX_CAPABILITIES} capabilities`,
      })
      .meta({
        description: `What the app can be asked, by capability: a URL, or an object. Names are lower-case letters, digits and \`_\`; at most ${MAX_CAPABILITIES}.`,
      }),
    health: url.optional().meta({
      description:
        'Where the app says how it is (`GET`, 2xx is well). `/health` at the origin of the first capability unless given.',
    }),
  })
}

function urlSchema(policy: NetworkPolicy) {
  return z
    .string('must be a string')
    .superRefine((text, context) => {
      const checked = policy.checkUrl(text)
      if (checked.ok) return
      for (const { message } of checked.error) context.addIssue({ code: 'custom', message })
    })
    .meta({ description: 'Where calls are sent (`POST`): http or https, a public address.' })
}

interface CapabilityFields {
  readonly url: ReturnType<typeof urlSchema>
  readonly responseSchema: ReturnType<typeof responseSchemaSchema>
}

function capabilitySchema({ url, responseSchema }: CapabilityFields, strategies: readonly FallbackGrammar[]) {
  const { minMs, maxMs, maxAsyncMs } = TIMEOUT_LIMITS
  return z.strictObject({
    url,
    timeout: whole(minMs, maxAsyncMs, 'milliseconds')
      .optional()
      .meta({
        description: `Milliseconds in which the answer counts, from ${minMs} to ${maxMs}, or to ${maxAsyncMs} with \`async\`. The operator's default for the capability unless given (10 000).`,
      }),
    async: z.boolean('must be true or false').default(false).meta({
      description: 'The call is queued and retried like any delivery; the caller gets its id at once.',
    }),
    retry: retrySchema().optional().meta({
      description: 'Further attempts while time remains. A synchronous call is sent once unless given.',
    }),
    fallback: fallbackSchema(strategies).optional().meta({
      description:
        "What answers when the app does not: a strategy's name, or an object with its options. The operator's default for the capability unless given.",
    }),
    responseSchema,
    cacheTtl: whole(1, MAX_CACHE_TTL_MS, 'milliseconds').optional().meta({
      description: 'Milliseconds for which an answer also serves calls with the very same payload.',
    }),
  })
}

function retrySchema() {
  const { maxAttempts, maxDelayMs, maxBackoffMultiplier } = RETRY_LIMITS_OF_CALLS
  const factor = `must be a number from 1 to ${maxBackoffMultiplier}`
  return z.strictObject({
    maxAttempts: whole(1, maxAttempts).optional().meta({
      description: 'Attempts altogether, the first one included (4).',
    }),
    initialDelay: whole(0, maxDelayMs, 'milliseconds').optional().meta({
      description: 'Milliseconds before the second attempt (1 000).',
    }),
    maxDelay: whole(0, maxDelayMs, 'milliseconds').optional().meta({
      description: 'The longest wait between two attempts, in milliseconds (30 000).',
    }),
    backoffMultiplier: z.number(factor).min(1, factor).max(maxBackoffMultiplier, factor).optional().meta({
      description: 'By how much each wait is longer than the one before (2).',
    }),
  })
}

function fallbackSchema(strategies: readonly FallbackGrammar[]) {
  const names = [...strategies.map(({ name }) => name), NO_FALLBACK]
  const expected = `must be one of ${names.join(', ')}`
  const objects = [...strategies, { name: NO_FALLBACK, options: noFallbackOptions }].map(
    ({ name, options }) =>
      z
        .strictObject({ strategy: z.literal(name), ...options.shape })
        .meta({ ...(options.description !== undefined && { description: options.description }) }),
  )
  const [first, ...others] = objects
  if (first === undefined) throw new TypeError('there is at least one way to fall back')
  return z.union([
    z.enum(names, expected).superRefine((name, context) => {
      const options = strategies.find((strategy) => strategy.name === name)?.options
      const parsed = options?.safeParse({}, { reportInput: true })
      if (parsed === undefined || parsed.success) return
      for (const { path, message } of issuesOf(parsed.error)) {
        context.addIssue({ code: 'custom', path: [path], message: `${message} (give an object with it)` })
      }
    }),
    z.discriminatedUnion('strategy', [first, ...others], { error: unionError(expected) }),
  ])
}

/** The words for a strategy that there is not; what is no object keeps zod's own issue. */
function unionError(expected: string) {
  return (issue: { readonly code?: string | undefined }) =>
    issue.code === 'invalid_union' ? expected : undefined
}

/** @param budget what is left for the schemas of this manifest; each takes its part in turn */
function responseSchemaSchema(budget: SchemaBudget) {
  return z
    .unknown()
    .optional()
    .superRefine((schema, context) => {
      if (schema === undefined) return
      for (const { path, message } of responseSchemaIssues(schema, budget)) {
        context.addIssue({ code: 'custom', path: [...path], message })
      }
    })
    .meta({
      description:
        'JSON Schema (draft 2020-12, or draft-07) of the answer. An answer that does not fit is a failure.',
    })
}

function whole(min: number, max: number, unit = '') {
  const message = `must be a whole number${unit && ` of ${unit}`} from ${min} to ${max}`
  return z.int(message).min(min, message).max(max, message)
}
