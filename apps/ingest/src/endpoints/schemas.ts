import { ENDPOINT_FORMATS, ENDPOINT_ORIGINS } from '@posthorn/db'
import { z } from 'zod'
import { text, whole } from '../http/fields.ts'

const eventTypeFilter = text(200).regex(
  /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/,
  'must be an event type, a prefix such as order.*, or *',
)

const retryText =
  'a list of delays, `{ delays, maxAttempts?, jitter?, maxAgeMs? }`, `{ initialDelayMs, maxDelayMs, backoffMultiplier, ' +
  'maxAttempts, jitter }`, or the name of a preset'

/** Everything an endpoint can be told; nothing of it is needed for a change. */
const settings = {
  eventTypes: z.array(eventTypeFilter).max(100).exactOptional().describe('`order.created`, `order.*`, `*`'),
  description: text(500).nullable().exactOptional(),
  capability: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower-case letters, digits and _')
    .nullable()
    .exactOptional(),
  headers: z.record(z.string(), text(8_192)).exactOptional().describe('sent with every delivery'),
  timeoutMs: whole(100, 300_000).exactOptional(),
  connectTimeoutMs: whole(50, 60_000).exactOptional(),
  retry: z.unknown().exactOptional().describe(retryText),
  successCodes: z.array(whole(200, 599)).min(1).max(50).nullable().exactOptional(),
  format: z.enum(ENDPOINT_FORMATS, `must be one of ${ENDPOINT_FORMATS.join(', ')}`).exactOptional(),
  maxConcurrency: whole(1, 512).exactOptional(),
  rateLimit: z
    .strictObject({ limit: whole(1, 100_000), periodMs: whole(100, 86_400_000) })
    .nullable()
    .exactOptional(),
  circuit: z.looseObject({}).exactOptional().describe('settings of its circuit breaker'),
  signing: z.enum(['v1', 'v1a'], 'must be v1 or v1a').exactOptional(),
  orderingOnFailure: z.enum(['continue', 'halt'], 'must be continue or halt').exactOptional(),
  enabled: z.boolean().exactOptional(),
}

const url = text(2_048).describe('http or https; private addresses are refused')

/** A new endpoint. */
export const endpointInputSchema = z.strictObject({ url, ...settings }).meta({ id: 'EndpointSettings' })

/** A change of an endpoint: what is given changes, the rest stays. */
export const endpointChangeSchema = z
  .strictObject({ url: url.exactOptional(), ...settings })
  .meta({ id: 'EndpointChange' })

const jitter = z.enum(['full', 'equal', 'decorrelated', 'none', 'positive'])

const retryPolicySchema = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('schedule'),
      delays: z.array(z.number()).readonly(),
      maxAttempts: z.int(),
      jitter,
      maxAgeMs: z.number(),
    }),
    z.object({
      kind: z.literal('exponential'),
      initialDelayMs: z.number(),
      maxDelayMs: z.number(),
      backoffMultiplier: z.number(),
      maxAttempts: z.int(),
      jitter,
      maxAgeMs: z.number(),
    }),
  ])
  .meta({ id: 'RetryPolicy' })

const circuitSettingsSchema = z
  .object({
    failureThreshold: z.int(),
    window: z
      .union([
        z.object({ kind: z.literal('time'), durationMs: z.number(), buckets: z.int() }),
        z.object({ kind: z.literal('count'), size: z.int() }),
      ])
      .exactOptional(),
    failureRate: z.number().exactOptional(),
    slowCall: z.object({ durationMs: z.number(), rate: z.number() }).exactOptional(),
    minimumCalls: z.int(),
    openForMs: z.number(),
    halfOpenProbes: z.int(),
    successThreshold: z.int(),
    probeLeaseMs: z.number(),
  })
  .meta({ id: 'CircuitSettings' })

/** An endpoint as it is shown. */
export const endpointSchema = z
  .object({
    id: z.string().describe('`ep_…`'),
    origin: z.enum(ENDPOINT_ORIGINS).describe('who made it; what a manifest made changes with the manifest'),
    url: z.string(),
    eventTypes: z.array(z.string()),
    description: z.string().nullable(),
    capability: z.string().nullable(),
    headers: z.record(z.string(), z.string()).describe('credentials redacted'),
    timeoutMs: z.int(),
    connectTimeoutMs: z.int(),
    retry: retryPolicySchema,
    successCodes: z.array(z.int()).nullable(),
    format: z.enum(ENDPOINT_FORMATS),
    maxConcurrency: z.int(),
    rateLimit: z.object({ limit: z.int(), periodMs: z.int() }).nullable(),
    circuit: circuitSettingsSchema,
    signing: z.enum(['v1', 'v1a']),
    orderingOnFailure: z.enum(['continue', 'halt']),
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
    pausedAt: z.string().nullable(),
    createdAt: z.string(),
    updatedAt: z.string(),
    publicKey: z.string().nullable().describe('for `v1a`: what receivers verify with'),
  })
  .meta({ id: 'Endpoint' })

const secret = z.string().describe('signs its deliveries; shown this once')

/** An endpoint with the secret it was made with. */
export const newEndpointSchema = endpointSchema.extend({ secret }).meta({ id: 'NewEndpoint' })

/** A secret that takes the place of another. */
export const newSecretSchema = z
  .object({ secret, publicKey: z.string().nullable() })
  .meta({ id: 'NewSecret' })

/** How long the old secret signs beside the new one. */
export const rotationSchema = z
  .strictObject({
    graceMs: whole(0, 7 * 86_400_000)
      .exactOptional()
      .describe('a day, where it is not given'),
  })
  .nullish()

/** The state of an endpoint's circuit. */
export const circuitSchema = z
  .object({
    endpointId: z.string(),
    state: z.enum(['closed', 'open', 'half_open', 'disabled', 'forced_open']),
    epoch: z.int(),
    consecutiveFailures: z.int(),
    openedAt: z.string().nullable(),
    nextProbeAt: z.string().nullable(),
    settings: circuitSettingsSchema,
  })
  .meta({ id: 'Circuit' })
