import pg from 'pg'
import { HOT_SETTINGS } from '../pools.ts'
import type { PosthornOptions } from '../types.ts'
import type { ServiceConfig, SharedConfig } from './settings.ts'

/** Direct connections of a service itself, beside the engine's. */
export type ServicePool = pg.Pool
/** One of them. */
export type ServiceConnection = pg.PoolClient

const CONNECT_TIMEOUT_MS = 5_000

/** The options of `createPosthorn` that a service's configuration stands for; without its logger. */
export function posthornOptions(
  config: SharedConfig & { readonly QUEUE_CONCURRENCY?: number },
): PosthornOptions {
  return {
    connectionString: config.DATABASE_URL,
    encryptionKeys: config.POSTHORN_ENCRYPTION_KEYS,
    allowedCidrs: config.POSTHORN_ALLOWED_CIDRS,
    timeoutMs: config.WEBHOOK_DELIVERY_TIMEOUT,
    connectTimeoutMs: config.WEBHOOK_CONNECT_TIMEOUT,
    responseLimitBytes: config.WEBHOOK_RESPONSE_LIMIT,
    circuitBreaker: config.CIRCUIT_BREAKER_ENABLED,
    circuit: {
      failureThreshold: config.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      openForMs: config.CIRCUIT_BREAKER_RECOVERY_TIMEOUT,
      successThreshold: config.CIRCUIT_BREAKER_SUCCESS_THRESHOLD,
    },
    // Services have duties of their own, which one of all workers does.
    upkeep: false,
    // Behind a pooler a connection is nobody's for long: no LISTEN and no named statements over it.
    listen: config.DIRECT_URL === undefined,
    ...(config.QUEUE_CONCURRENCY !== undefined && { concurrency: config.QUEUE_CONCURRENCY }),
  }
}

/** Where migrations, advisory locks and whatever else needs a connection of its own go: past a pooler, where one is. */
export function directUrl(config: Pick<ServiceConfig, 'DATABASE_URL' | 'DIRECT_URL'>): string {
  return config.DIRECT_URL ?? config.DATABASE_URL
}

/** A small pool of direct connections for a service's own housekeeping. It connects when it is first used. */
export function openServicePool(
  config: Pick<ServiceConfig, 'DATABASE_URL' | 'DIRECT_URL'>,
  options: {
    readonly max: number
    readonly name: string
    /** how long a statement waits for a lock, where requests must not wait for somebody's open transaction */
    readonly lockTimeoutMs?: number
    /** for statements that run all the time: planned once for each connection, as if tables were large */
    readonly hot?: boolean
  },
): ServicePool {
  const pool = new pg.Pool({
    connectionString: directUrl(config),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    max: options.max,
    application_name: options.name,
    options: Object.entries({
      ...(options.hot && HOT_SETTINGS),
      ...(options.lockTimeoutMs !== undefined && { lock_timeout: options.lockTimeoutMs }),
    })
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  })
  // An idle connection that the server ends is replaced at the next use; whoever uses one gets the error itself.
  pool.on('error', () => undefined)
  // So is one that is cut while it is checked out between two statements, when PostgreSQL is killed: the next statement
  // fails. Without a listener the event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}
