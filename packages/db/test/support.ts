import { randomBytes } from 'node:crypto'
import { DEFAULT_CIRCUIT_SETTINGS } from '@posthorn/circuit-breaker'
import { RETRY_PRESETS, uuidv7 } from '@posthorn/core'
import { PostgresQueue, type QueueItem } from '@posthorn/queue'
import type pg from 'pg'
import { PostgresCircuitStore } from '../src/circuits/postgres-circuit-store.ts'
import { accountForClaim, DELIVERY_GATES } from '../src/deliveries/claim-gates.ts'
import type { AttemptRecord, DeliveryOutcome } from '../src/deliveries/completion.ts'
import type { Endpoint } from '../src/endpoints/endpoint.ts'
import { EndpointRepository, type NewEndpoint } from '../src/endpoints/endpoint-repository.ts'
import {
  type Acceptance,
  acceptEvents,
  type KeyMismatch,
  type NewEvent,
  typePatterns,
} from '../src/events/accept.ts'
import { createKeyring, generateEncryptionKey } from '../src/keyring.ts'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'

export const keyring = createKeyring(generateEncryptionKey())

/** An endpoint as the repository takes it, before it has a row. */
export function newEndpoint(overrides: Partial<NewEndpoint> = {}): NewEndpoint {
  return {
    id: uuidv7(),
    appId: DEFAULT_APP_ID,
    origin: 'api',
    url: `https://example.test/${randomBytes(6).toString('hex')}`,
    description: null,
    capability: null,
    eventTypes: ['*'],
    format: 'raw',
    headers: {},
    signing: 'v1',
    timeoutMs: 30_000,
    connectTimeoutMs: 5_000,
    retry: RETRY_PRESETS.default,
    successCodes: null,
    maxConcurrency: 16,
    rateLimit: null,
    circuit: DEFAULT_CIRCUIT_SETTINGS,
    orderingOnFailure: 'continue',
    secrets: [{ secret: `whsec_${randomBytes(32).toString('base64')}` }],
    ...overrides,
  }
}

export const insertEndpoint = (pool: pg.Pool, overrides: Partial<NewEndpoint> = {}): Promise<Endpoint> =>
  new EndpointRepository(pool, keyring).insert(newEndpoint(overrides))

/** An event that goes to whoever subscribes to its type. */
export function newEvent(overrides: Partial<NewEvent> = {}): NewEvent {
  const eventType = overrides.eventType ?? 'order.created'
  return {
    id: uuidv7(),
    appId: DEFAULT_APP_ID,
    source: 'test',
    key: null,
    fingerprint: 'ab'.repeat(32),
    requestId: overrides.key ?? null,
    traceId: null,
    eventType,
    sessionId: null,
    payload: '{"a":1}',
    headers: null,
    ipAddress: null,
    metadata: null,
    scheduledAt: null,
    orderingKey: null,
    deliveryHeaders: null,
    maxAttempts: null,
    patterns: typePatterns(eventType),
    target: null,
    ...overrides,
  }
}

export const accept = (client: pg.Pool | pg.ClientBase, events: readonly NewEvent[]) =>
  acceptEvents(client, events, { wake: false, prepared: false })

/** Accepts one event for one endpoint and tells its only delivery. */
export async function owe(
  pool: pg.Pool,
  endpoint: { id: string },
  overrides: Partial<NewEvent> = {},
): Promise<string> {
  const target = { endpointId: endpoint.id, maxAttempts: 5, maxAgeMs: 3_600_000 }
  const [answer] = await accept(pool, [newEvent({ target, ...overrides })])
  const [id] = accepted(answer).deliveryIds
  if (id === undefined) throw new Error('nothing is owed')
  return id
}

export function accepted(answer: Acceptance | KeyMismatch | undefined): Acceptance {
  if (!answer || !('eventId' in answer)) throw new Error('the event was not accepted')
  return answer
}

/** The queue as the engine opens it: with the gates and the account of what a claim took. */
export function openQueue(pool: pg.Pool): PostgresQueue<undefined> {
  const circuits = new PostgresCircuitStore(pool)
  return new PostgresQueue<undefined>({
    pool,
    table: {
      schema: 'posthorn',
      name: 'delivery_queue',
      groupColumn: 'endpoint_id',
      groupType: 'uuid',
      gates: DELIVERY_GATES,
    },
    onClaimed: (client, items) => accountForClaim(client, items, circuits),
  })
}

export const claim = (pool: pg.Pool, limit = 100): Promise<QueueItem[]> =>
  openQueue(pool).claim({ limit, leaseMs: 60_000 })

/** Claims one delivery, which must be the only one due. */
export async function claimOne(pool: pg.Pool): Promise<QueueItem> {
  const items = await claim(pool)
  const [item] = items
  if (!item || items.length > 1) throw new Error(`${items.length} deliveries were claimed`)
  return item
}

export function attempt(overrides: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    id: uuidv7(),
    kind: 'delivery',
    number: 1,
    startedAt: new Date(),
    durationMs: 12.5,
    success: true,
    statusCode: 200,
    failure: null,
    errorCode: null,
    errorMessage: null,
    timing: { dns: 1 },
    responseHeaders: { 'content-type': 'text/plain' },
    responseBody: 'ok',
    responseTruncated: false,
    workerId: 'worker',
    circuitEpoch: 0,
    ...overrides,
  }
}

/** What became of a claimed delivery; delivered unless told otherwise. */
export function outcome(item: QueueItem, overrides: Partial<DeliveryOutcome> = {}): DeliveryOutcome {
  return {
    id: item.id,
    leaseToken: item.leaseToken,
    eventId: uuidv7(),
    endpointId: item.group,
    appId: DEFAULT_APP_ID,
    next: 'delivered',
    delayMs: 0,
    attemptCount: item.attemptCount + 1,
    failure: null,
    error: null,
    deadLetter: null,
    halt: false,
    attempt: attempt({ number: item.attemptCount + 1 }),
    ...overrides,
  }
}

/** What became of one that will not be tried again. */
export const failedOutcome = (item: QueueItem, overrides: Partial<DeliveryOutcome> = {}): DeliveryOutcome =>
  outcome(item, {
    next: 'failed',
    failure: 'http_5xx',
    error: 'It answered 503.',
    deadLetter: { id: uuidv7(), reason: 'exhausted' },
    attempt: attempt({ number: item.attemptCount + 1, success: false, statusCode: 503, failure: 'http_5xx' }),
    ...overrides,
  })

/** Rows of a statement. */
export async function rowsOf<T extends pg.QueryResultRow>(
  client: pg.Pool | pg.ClientBase,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  return (await client.query<T>(text, values)).rows
}

/** How many rows a table has. */
export async function count(pool: pg.Pool, table: string, where = 'true'): Promise<number> {
  const [row] = await rowsOf<{ n: number }>(
    pool,
    `select count(*)::int as n from posthorn.${table} where ${where}`,
  )
  return row?.n ?? 0
}
