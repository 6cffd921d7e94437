import type { CircuitChange, CircuitSettings } from '@posthorn/circuit-breaker'
import type { FailureClass, PosthornError, Result } from '@posthorn/core'
import type { DatabaseReadiness, DeadLetterReason, KeyRepository, MigrationReport } from '@posthorn/db'
import type { DispatcherOptions } from '@posthorn/dispatcher'
import type pg from 'pg'
import type { ChangesApi } from './changes/types.ts'
import type { DeliveriesApi } from './deliveries/types.ts'
import type { EndpointsApi } from './endpoints/types.ts'
import type { Accepted, EnqueueInput, EventsApi, PublishContext, PublishInput } from './events/types.ts'

export type { ChangeBatch, ChangesApi, FollowOptions, StreamedChange } from './changes/types.ts'
export type {
  AttemptView,
  DeadLetterView,
  DeliveriesApi,
  DeliveryDetail,
  DeliveryView,
} from './deliveries/types.ts'
export type { CircuitView, EndpointInput, EndpointsApi, EndpointView, NewSecret } from './endpoints/types.ts'
export type {
  Accepted,
  CaptureView,
  EnqueueInput,
  EventDetail,
  EventsApi,
  EventView,
  PublishContext,
  PublishInput,
  RawPayload,
} from './events/types.ts'

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
