import type { CircuitSettings } from '@posthorn/circuit-breaker'
import type { RetryPolicy } from '@posthorn/core'
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytes, instant, posthorn } from './namespace.ts'

/** What the body of a delivery looks like: the payload as it came, or wrapped. */
export const ENDPOINT_FORMATS = ['raw', 'standard', 'cloudevents'] as const
export type EndpointFormat = (typeof ENDPOINT_FORMATS)[number]

/** Who made an endpoint: a person through the API, `enqueue({ url })`, or the app's manifest. */
export const ENDPOINT_ORIGINS = ['api', 'enqueue', 'manifest'] as const
export type EndpointOrigin = (typeof ENDPOINT_ORIGINS)[number]

/** Destinations. Never deleted while deliveries may point at them: `deletedAt` takes them out of every list. */
export const endpoints = posthorn.table(
  'endpoints',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    origin: text('origin').$type<EndpointOrigin>().notNull().default('api'),
    url: text('url').notNull(),
    urlSha256: bytes('url_sha256').notNull(),
    host: text('host').notNull(),
    description: text('description'),
    capability: text('capability'),
    /** `order.created`, `order.*`, `*`; empty for endpoints that never receive published events */
    eventTypes: text('event_types').array().notNull().default(sql`'{}'::text[]`),
    format: text('format').$type<EndpointFormat>().notNull().default('raw'),
    /** sealed JSON object of extra request headers: users put credentials there */
    headers: bytes('headers'),
    signing: text('signing').$type<'v1' | 'v1a'>().notNull().default('v1'),
    /** sealed JSON list of `{ secret, expiresAt }`, newest first */
    secrets: bytes('secrets').notNull(),
    timeoutMs: integer('timeout_ms').notNull(),
    connectTimeoutMs: integer('connect_timeout_ms').notNull(),
    retry: jsonb('retry').$type<RetryPolicy>().notNull(),
    successCodes: integer('success_codes').array(),
    maxConcurrency: integer('max_concurrency').notNull(),
    /** at most `rateLimit` requests per `ratePeriodMs`; null: no limit */
    rateLimit: integer('rate_limit'),
    ratePeriodMs: integer('rate_period_ms'),
    circuit: jsonb('circuit').$type<CircuitSettings>().notNull(),
    /** what a dead delivery does to the deliveries behind it with the same ordering key */
    orderingOnFailure: text('ordering_on_failure').$type<'continue' | 'halt'>().notNull().default('continue'),
    enabled: boolean('enabled').notNull().default(true),
    disabledReason: text('disabled_reason'),
    pausedAt: instant('paused_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    deletedAt: instant('deleted_at'),
  },
  (t) => [
    index('endpoints_app').on(t.appId, t.id).where(sql`${t.deletedAt} is null`),
    uniqueIndex('endpoints_enqueue_url')
      .on(t.appId, t.urlSha256)
      .where(sql`${t.origin} = 'enqueue' and ${t.deletedAt} is null`),
    uniqueIndex('endpoints_manifest_capability')
      .on(t.appId, t.capability)
      .where(sql`${t.origin} = 'manifest' and ${t.deletedAt} is null`),
    // The few that can be called, among as many as `enqueue({ url })` has made.
    index('endpoints_callable')
      .on(t.appId, t.id)
      .where(sql`${t.capability} is not null and ${t.deletedAt} is null`),
    check('endpoints_origin', sql`${t.origin} in ('api', 'enqueue', 'manifest')`),
    check('endpoints_format', sql`${t.format} in ('raw', 'standard', 'cloudevents')`),
    check('endpoints_signing', sql`${t.signing} in ('v1', 'v1a')`),
    check('endpoints_ordering', sql`${t.orderingOnFailure} in ('continue', 'halt')`),
    check('endpoints_url_length', sql`length(${t.url}) <= 2048`),
  ],
)

/** Token buckets of rate-limited endpoints. Written only by the claim, which runs one at a time. */
export const endpointRates = posthorn.table('endpoint_rates', {
  endpointId: uuid('endpoint_id').primaryKey(),
  tokens: doublePrecision('tokens').notNull(),
  refilledAt: instant('refilled_at').notNull(),
})

/** Circuits shared by all workers. `state` is the breaker's own JSON; the columns beside it are what the claim reads. */
export const circuitBreakers = posthorn.table(
  'circuit_breakers',
  {
    endpointId: uuid('endpoint_id').primaryKey(),
    name: text('name').notNull(),
    epoch: bigint('epoch', { mode: 'number' }).notNull(),
    state: jsonb('state').notNull(),
    openedAt: instant('opened_at'),
    closedAt: instant('closed_at'),
    nextProbeAt: instant('next_probe_at'),
    probeToken: uuid('probe_token'),
    probeExpiresAt: instant('probe_expires_at'),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    check(
      'circuit_breakers_name',
      sql`${t.name} in ('closed', 'open', 'half_open', 'disabled', 'forced_open')`,
    ),
  ],
)
