import type { CircuitChange, CircuitSettings, CircuitStateName } from '@posthorn/circuit-breaker'
import type { FailureClass, PosthornError, Result, RetryPolicy } from '@posthorn/core'
import type {
  CaptureErrorCode,
  DatabaseReadiness,
  DeadLetterReason,
  DeliveryStatus,
  EndpointFormat,
  EndpointOrigin,
  EventStatus,
  KeyRepository,
  MigrationReport,
  Page,
  PageRequest,
} from '@posthorn/db'
import type { DispatcherOptions } from '@posthorn/dispatcher'
import type pg from 'pg'
import type { ChangesApi } from './changes/types.ts'

export type { ChangeBatch, ChangesApi, FollowOptions, StreamedChange } from './changes/types.ts'

/** Where the engine says what it does. Shaped like pino, which fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Options of `createPosthorn`. Give `connectionString` or `pool`. Durations are milliseconds. */
export interface PosthornOptions {
  readonly connectionString?: string
  /** yours; the engine never takes its last connection: what must not wait for callers has a small pool of its own */
  readonly pool?: pg.Pool
  /** `id:<32 bytes in base64>`, several separated by commas, newest first: seals endpoints' secrets and headers */
  readonly encryptionKeys: string
  /** networks that webhooks may reach although they are private or reserved, such as `127.0.0.0/8` */
  readonly allowedCidrs?: readonly string[]
  /** deliveries in flight at once in this process (512) */
  readonly concurrency?: number
  /** how often due deliveries are looked for when nothing wakes the worker (250) */
  readonly pollIntervalMs?: number
  /** false: no LISTEN and no named statements, for a pooler in transaction mode (true) */
  readonly listen?: boolean
  /** deadline of a delivery where its endpoint names none (30 000) */
  readonly timeoutMs?: number
  /** deadline of connecting where the endpoint names none (5 000) */
  readonly connectTimeoutMs?: number
  /** how much of an answer is kept, bytes (4 096) */
  readonly responseLimitBytes?: number
  /** whose answers are kept */
  readonly captureResponses?: 'failures' | 'always' | 'never'
  /** where an endpoint names no retry policy: a list of delays, an object or a preset's name (`default`) */
  readonly retry?: unknown
  /** where an endpoint names no circuit settings */
  readonly circuit?: Partial<CircuitSettings>
  /** false: failures open no circuit (true) */
  readonly circuitBreaker?: boolean
  /**
   * `start()` also makes partitions ahead and ends deliveries that expire behind a pause or whose endpoint was deleted
   * (true); false where another process does, as `posthorn worker` does
   */
  readonly upkeep?: boolean
  /** undici interceptors around every request */
  readonly interceptors?: NonNullable<DispatcherOptions['interceptors']>
  readonly logger?: Logger
}

/** Where an `enqueue` or `publish` is written. */
export interface WriteOptions {
  /** your own open transaction: a `pg` client, or a Drizzle transaction over one. Rolled back, nothing ever happened */
  readonly tx?: unknown
  /** inside your transaction: wake workers when it commits. NOTIFY takes a lock of the whole database at commit */
  readonly notify?: 'in-tx'
}

/** A payload as bytes that must arrive as they are, instead of a value that is printed as JSON. */
export interface RawPayload {
  /** valid JSON text */
  readonly json: string
}

/** One event for the endpoints that subscribe to its type. */
export interface PublishInput {
  /** dotted words: `order.created` */
  readonly type: string
  /** any JSON value, or a {@link RawPayload} made by `rawJson` */
  readonly payload: unknown
  /** names the event within its app; the same id again answers with the first result */
  readonly requestId?: string
  readonly sessionId?: string
  /** extra headers of its deliveries */
  readonly headers?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, unknown>>
  /** tries, the first included; overrides the endpoint's */
  readonly maxAttempts?: number
  readonly scheduledAt?: Date | string
  /** deliveries of one endpoint with the same key go out one after the other */
  readonly orderingKey?: string
}

/** What intake knows of the request beside the event itself. */
export interface PublishContext {
  readonly source?: string
  /** header `x-request-id` or a fresh one; kept when the event has no `requestId` */
  readonly httpRequestId?: string
  readonly traceparent?: string
  readonly ipAddress?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One event for one destination. */
export type EnqueueInput = EnqueuedEvent & (ToUrl | ToEndpoint)

interface ToUrl {
  /** its endpoint is made the first time and found again */
  readonly url: string
  readonly endpointId?: undefined
}

interface ToEndpoint {
  readonly url?: undefined
  /** `ep_…`, whatever types the endpoint subscribes to */
  readonly endpointId: string
}

interface EnqueuedEvent extends Omit<PublishInput, 'type' | 'requestId' | 'sessionId'> {
  /** the event's type, sent as `x-event-type` (`message`) */
  readonly type?: string
  readonly idempotencyKey?: string
}

/** An event that was taken: on disk, or in your transaction. */
export interface Accepted {
  /** `evt_…` */
  readonly eventId: string
  /** `dlv_…`, one for each endpoint it is owed to */
  readonly deliveryIds: string[]
  /** the id was used before, for the same event: this is what it made then */
  readonly duplicate: boolean
  /** what the event is called: its `requestId`, or the one it was given */
  readonly requestId: string
}

/** What an endpoint can be told. Durations are milliseconds. */
export interface EndpointInput {
  readonly url: string
  /** `order.created`, `order.*`, `*` */
  readonly eventTypes?: readonly string[]
  readonly description?: string | null
  readonly capability?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
  readonly retry?: unknown
  readonly successCodes?: readonly number[] | null
  readonly format?: EndpointFormat
  readonly maxConcurrency?: number
  readonly rateLimit?: { readonly limit: number; readonly periodMs: number } | null
  readonly circuit?: Partial<CircuitSettings>
  readonly signing?: 'v1' | 'v1a'
  readonly orderingOnFailure?: 'continue' | 'halt'
  readonly enabled?: boolean
}

/** An endpoint as it may be shown: no secret, and of its headers the names alone (values are `[REDACTED]`). */
export interface EndpointView {
  /** `ep_…` */
  readonly id: string
  /** who made it: the API, `enqueue({ url })`, or the app's manifest */
  readonly origin: EndpointOrigin
  readonly url: string
  readonly eventTypes: string[]
  readonly description: string | null
  readonly capability: string | null
  readonly headers: Record<string, string>
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryPolicy
  readonly successCodes: number[] | null
  readonly format: EndpointFormat
  readonly maxConcurrency: number
  readonly rateLimit: { readonly limit: number; readonly periodMs: number } | null
  readonly circuit: CircuitSettings
  readonly signing: 'v1' | 'v1a'
  readonly orderingOnFailure: 'continue' | 'halt'
  readonly enabled: boolean
  readonly disabledReason: string | null
  readonly pausedAt: string | null
  readonly createdAt: string
  readonly updatedAt: string
  /** for `v1a`: `whpk_…`, what receivers verify with */
  readonly publicKey: string | null
}

/** A secret, shown this once. */
export interface NewSecret {
  readonly secret: string
  readonly publicKey: string | null
}

/** The state of an endpoint's circuit. Times are ISO 8601. */
export interface CircuitView {
  readonly endpointId: string
  readonly state: CircuitStateName
  readonly epoch: number
  readonly consecutiveFailures: number
  readonly openedAt: string | null
  readonly nextProbeAt: string | null
  readonly settings: CircuitSettings
}

/** One HTTP request made for a delivery. */
export interface AttemptView {
  readonly id: string
  readonly number: number
  readonly startedAt: string
  readonly durationMs: number
  readonly success: boolean
  readonly statusCode: number | null
  readonly failure: FailureClass | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly timing: Record<string, number> | null
  readonly responseHeaders: Record<string, string> | null
  readonly responseBody: string | null
  readonly responseTruncated: boolean
}

/** A delivery as its owner sees it. Times are ISO 8601. */
export interface DeliveryView {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly status: DeliveryStatus
  readonly attemptCount: number
  readonly maxAttempts: number
  readonly nextAttemptAt: string | null
  readonly scheduledAt: string | null
  readonly expiresAt: string
  readonly orderingKey: string | null
  readonly metadata: Record<string, unknown> | null
  readonly createdAt: string
  readonly deliveredAt: string | null
  readonly failedAt: string | null
  readonly lastFailure: string | null
  readonly lastError: string | null
  readonly cancelRequested: boolean
}

/** Why a delivery will not be tried again by itself. Times are ISO 8601. */
export interface DeadLetterView {
  /** `dl_…` */
  readonly id: string
  readonly reason: DeadLetterReason
  readonly failedAt: string
  readonly attempts: number
  readonly error: string | null
  readonly requeuedAt: string | null
  readonly discardedAt: string | null
}

/** A delivery with every request made for it, and why it is dead if it is. */
export interface DeliveryDetail extends DeliveryView {
  readonly attempts: AttemptView[]
  readonly deadLetter: DeadLetterView | null
}

/** An event in a list. */
export interface EventView {
  readonly id: string
  readonly type: string
  readonly requestId: string
  readonly traceId: string | null
  readonly sessionId: string | null
  readonly source: string
  readonly status: EventStatus
  readonly metadata: Record<string, unknown> | null
  readonly receivedAt: string
  /** null for an event that was published: it is processed by its deliveries */
  readonly capture: CaptureView | null
}

/** What became of a captured event. Times are ISO 8601. */
export interface CaptureView {
  /** by its sender's clock */
  readonly occurredAt: string | null
  readonly processedAt: string | null
  readonly processingTimeMs: number | null
  /** `conv_…` */
  readonly conversationId: string | null
  /** `msg_…` */
  readonly messageId: string | null
  /** `tu_…` */
  readonly toolUseId: string | null
  /** `evt_…`: the same request came before */
  readonly duplicateOf: string | null
  readonly retryCount: number
  readonly retryAfter: string | null
  readonly error: { readonly code: CaptureErrorCode; readonly message: string } | null
}

/** An event with what became of it. `payload` is the JSON text as it came. */
export interface EventDetail extends EventView {
  readonly payload: RawPayload
  /** where an error of its processing came from */
  readonly errorStack: string | null
  /** what was received with an event that is `INVALID`; base64 where it is no text */
  readonly rawBody: { readonly encoding: 'utf8' | 'base64'; readonly text: string } | null
  readonly deliveries: (DeliveryView & { readonly attempts: AttemptView[] })[]
}

export interface EndpointsApi {
  /** @returns the endpoint and its secret, shown this once */
  create(input: EndpointInput): Promise<EndpointView & NewSecret>
  get(id: string): Promise<EndpointView>
  list(page?: PageRequest): Promise<Page<EndpointView>>
  /** Changes only what is given. */
  update(id: string, input: Partial<EndpointInput>): Promise<EndpointView>
  remove(id: string): Promise<void>
  /** A new secret at once; the old one signs beside it for `graceMs` (a day), at most ten at a time. */
  rotateSecret(id: string, options?: { graceMs?: number }): Promise<NewSecret>
  /** Deliveries wait until it is resumed (or expire). */
  pause(id: string): Promise<EndpointView>
  resume(id: string): Promise<EndpointView>
  /** Sends one signed test request now and tells what came of it; an attempt of kind `test`, no delivery. */
  test(id: string): Promise<AttemptView>
  circuit(id: string): Promise<CircuitView>
  resetCircuit(id: string): Promise<CircuitView>
}

export interface DeliveriesApi {
  get(id: string): Promise<DeliveryDetail>
  list(
    filter?: { endpointId?: string; eventId?: string; status?: DeliveryStatus } & PageRequest,
  ): Promise<Page<DeliveryView>>
  /** @throws ConflictError while it is being tried, or when it was delivered or cancelled */
  retry(id: string, options?: { by?: string }): Promise<DeliveryView>
  /** `requested`: it is being tried at this moment, and what comes of that decides. */
  cancel(id: string): Promise<{ status: 'cancelled' | 'requested'; delivery: DeliveryView }>
}

export interface EventsApi {
  get(id: string): Promise<EventDetail>
  list(
    filter?: {
      type?: string
      requestId?: string
      sessionId?: string
      status?: EventStatus
      since?: Date
    } & PageRequest,
  ): Promise<Page<EventView>>
}

/** Posthorn on behalf of one app. */
export interface AppScope {
  enqueue(input: EnqueueInput, options?: WriteOptions & { context?: PublishContext }): Promise<Accepted>
  publish(input: PublishInput, options?: WriteOptions & { context?: PublishContext }): Promise<Accepted>
  /** Many at once in few commits; a bad one gets its own error and hides no good one. Answers are in the order given. */
  publishMany(
    inputs: readonly PublishInput[],
    options?: { context?: PublishContext },
  ): Promise<Result<Accepted, PosthornError>[]>
  readonly endpoints: EndpointsApi
  readonly deliveries: DeliveriesApi
  readonly events: EventsApi
  readonly changes: ChangesApi
}

/** What the engine announces. Also published on `diagnostics_channel` as `posthorn:<name>`. */
export interface PosthornEvents {
  delivered: {
    deliveryId: string
    eventId: string
    endpointId: string
    attempt: number
    durationMs: number
    statusCode: number | null
  }
  /** one attempt went wrong; `nextAttemptInMs` null: it was the last */
  failed: {
    deliveryId: string
    eventId: string
    endpointId: string
    attempt: number
    failure: FailureClass
    statusCode: number | null
    nextAttemptInMs: number | null
  }
  dead: {
    deliveryId: string
    eventId: string
    endpointId: string
    reason: DeadLetterReason
    attempts: number
    error: string | null
  }
  circuit: { endpointId: string } & CircuitChange
}

/** Counters of this process since it started, for metrics. */
export interface WorkerStats {
  readonly inFlight: number
  readonly claimed: number
  readonly attempts: Readonly<Record<'success' | 'retryable' | 'permanent' | 'requeue', number>>
  readonly settled: Readonly<Record<'delivered' | 'pending' | 'failed' | 'dead' | 'cancelled', number>>
  readonly stale: number
  readonly flushes: number
  readonly flushErrors: number
  readonly claimErrors: number
}

/** Posthorn as a library, on behalf of the default app; `forApp` serves others. */
export interface Posthorn extends AppScope, AsyncDisposable {
  /** @param appId uuid of an app that exists: see {@link Posthorn.hasApp} */
  forApp(appId: string): AppScope
  /** Whether there is an app of this id. */
  hasApp(appId: string): Promise<boolean>
  readonly keys: KeyRepository
  migrate(): Promise<MigrationReport>
  readiness(): Promise<DatabaseReadiness>
  /** Tells workers that something is due; after the commit of a transaction that was given as `tx`. */
  wake(): Promise<void>
  /** Tells those who follow changes that some were committed: after each commit that wrote any. */
  changed(): void
  /** Runs the worker inside this process. */
  start(): Promise<void>
  /** Claims and delivers what is due now, then returns how many were tried. */
  runOnce(): Promise<number>
  /** Stops claiming, lets requests in flight end within `graceMs` (30 000), hands the rest back, closes connections. */
  stop(options?: { graceMs?: number }): Promise<void>
  on<Name extends keyof PosthornEvents>(
    name: Name,
    listener: (event: PosthornEvents[Name]) => void,
  ): Disposable
  readonly stats: WorkerStats
}
