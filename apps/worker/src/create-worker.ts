import type { AddressInfo } from 'node:net'
import { createProjectionWorker } from '@posthorn/conversations'
import type { Posthorn } from '@posthorn/engine'
import { openServicePool } from '@posthorn/engine/config'
import type { Registry } from '@prometheus-io/client'
import type { FastifyBaseLogger } from 'fastify'
import type { WorkerConfig } from './config.ts'
import { createServer } from './http/server.ts'
import type { Sleep } from './maintenance/loop.ts'
import { Maintenance } from './maintenance/maintenance.ts'
import { severing } from './maintenance/severable-pool.ts'
import { createMetrics, withProcessMetrics } from './metrics/metrics.ts'
import { QueueDepth } from './metrics/queue-depth.ts'

/** What a worker is made of. */
export interface WorkerOptions {
  /** the engine, migrated; the worker starts its loop, and stops it when it is stopped */
  readonly posthorn: Posthorn
  readonly config: WorkerConfig
  /** a pino logger */
  readonly logger: FastifyBaseLogger
  /** false: no `/livez`, `/readyz` and `/metrics` of its own, as where a service in the same process has them (true) */
  readonly http?: boolean
  /** how the maintenance loops wait; for tests that bring a clock of their own */
  readonly sleep?: Sleep
}

/** A delivery worker as a service. Any number of them may run against one database. */
export interface Worker {
  /** where its health and metrics are; undefined before it runs, or without a server */
  readonly url: string | undefined
  /** what it counts, for a service in the same process that has a `/metrics` of its own */
  readonly metrics: Registry
  /** Listens, begins to deliver and to keep the database in order. */
  start(): Promise<void>
  /** Not ready any more; ends or hands back what is under way within `SHUTDOWN_GRACE`, then lets the database go. */
  stop(): Promise<void>
}

/** The lock's connection, a duty, and a scrape or another duty. */
const CONNECTIONS = 4

/** A claim, and as many projections at a time. */
const PROJECTIONS = 4

/** A worker over an engine; nothing happens before `start()`. */
export function createWorker({ posthorn, config, logger, http = true, sleep }: WorkerOptions): Worker {
  const pool = openServicePool(config, { max: CONNECTIONS, name: 'posthorn-worker' })
  const cutOff = severing(pool)
  const maintenance = new Maintenance({ posthorn, pool, config, logger, ...(sleep && { sleep }) })
  const projectionPool = openServicePool(config, {
    max: PROJECTIONS + 1,
    name: 'posthorn-projections',
    hot: true,
  })
  const projections = createProjectionWorker({
    pool: projectionPool,
    concurrency: PROJECTIONS,
    graceMs: graceOf(config),
    onProjected: () => posthorn.changed(),
    onError: (err) => logger.warn({ err }, 'a projection was interrupted; it is tried again'),
  })
  const metrics = createMetrics(posthorn, new QueueDepth(pool))
  let isRunning = false
  const app = createServer({
    isRunning: () => isRunning,
    readiness: () => posthorn.readiness(),
    metrics: withProcessMetrics(metrics),
    logger,
  })
  let url: string | undefined
  let stopped: Promise<void> | undefined

  const stop = async (): Promise<void> => {
    isRunning = false
    const graceMs = graceOf(config)
    await Promise.all([maintenance.stop(graceMs / 2, cutOff), projections.stop(), posthorn.stop({ graceMs })])
    await app.close()
    await Promise.all([pool.end(), projectionPool.end()])
  }

  return {
    metrics,
    get url() {
      return url
    },
    async start() {
      if (http) {
        await app.listen({
          host: config.HOST,
          port: config.PORT,
          listenTextResolver: (address) => `health and metrics at ${address}`,
        })
        url = urlOf(config.HOST, app.server.address())
      }
      await maintenance.start()
      await posthorn.start()
      await projections.start()
      isRunning = true
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** A little is left for what comes after the deliveries, so that the whole ends within the grace period. */
const graceOf = ({ SHUTDOWN_GRACE }: WorkerConfig): number =>
  SHUTDOWN_GRACE - Math.min(1_000, SHUTDOWN_GRACE / 5)

function urlOf(host: string, address: AddressInfo | string | null): string {
  const port = typeof address === 'object' && address ? address.port : 0
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
