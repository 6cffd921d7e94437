import { hostname } from 'node:os'
import { systemClock, uuidv7 } from '@posthorn/core'
import {
  accountForClaim,
  appExists,
  DEFAULT_APP_ID,
  DELIVERY_GATES,
  DeliveryRepository,
  EndpointRepository,
  EventRepository,
  KeyRepository,
  migrate,
  PostgresCircuitStore,
} from '@posthorn/db'
import { createDispatcher } from '@posthorn/dispatcher'
import { Listener, PostgresQueue } from '@posthorn/queue'
import { Announcer } from './changes/announcer.ts'
import { announcing } from './changes/announcing.ts'
import { ChangeFeed } from './changes/feed.ts'
import { follow } from './changes/follow.ts'
import { createDeliveriesApi } from './deliveries/deliveries-api.ts'
import { Emitter } from './emitter.ts'
import { createEndpointsApi } from './endpoints/endpoints-api.ts'
import { EnqueueEndpoints } from './endpoints/enqueue-endpoints.ts'
import { createEndpointTest } from './endpoints/test-endpoint.ts'
import { createEventsApi } from './events/events-api.ts'
import { EventIntake } from './events/intake.ts'
import { Publisher } from './events/publisher.ts'
import { checkOptions } from './options.ts'
import { openPools } from './pools.ts'
import { assertKeysFit, readiness } from './readiness.ts'
import { createSealer } from './sealer.ts'
import type { AppScope, Logger, Posthorn, PosthornOptions } from './types.ts'
import { DeliveryWorker } from './worker/delivery-worker.ts'
import { EndpointCache } from './worker/endpoint-cache.ts'
import type { Landing } from './worker/flight.ts'
import { Recorder } from './worker/recorder.ts'
import { Upkeep } from './worker/upkeep.ts'

const DEFAULT_GRACE_MS = 30_000
const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/**
 * Posthorn as a library: events go in, in your transaction if you like, and signed webhooks come out of the worker that
 * `start()` runs in this process or that runs elsewhere.
 *
 * @throws ValidationError naming every option that is wrong
 */
export function createPosthorn(options: PosthornOptions): Posthorn {
  const logger = options.logger ?? SILENT
  const prepared = options.listen ?? true
  const { defaults, keyring } = checkOptions(options)
  const pools = openPools(options)
  const sealer = createSealer(keyring)
  const emitter = new Emitter(logger)
  const circuits = new PostgresCircuitStore(pools.work)
  const endpoints = new EndpointRepository(pools.own, keyring)
  const dispatcher = createDispatcher({
    networkPolicy: defaults.policy,
    // One origin may serve many endpoints, and those that hang must leave connections to the others.
    connectionsPerOrigin: 4 * (options.concurrency ?? 512),
    ...(options.interceptors && { interceptors: options.interceptors }),
  })
  const workerId = `${hostname()}:${process.pid}:${uuidv7().slice(-12)}`
  const sending = {
    dispatcher,
    sealer,
    responseLimitBytes: options.responseLimitBytes ?? 4_096,
    capture: options.captureResponses ?? 'failures',
    workerId,
  } as const

  const pollMs = options.pollIntervalMs ?? 250
  const feed = new ChangeFeed({ pool: pools.own, listen: pools.listen, pollMs, prepared, logger })
  const announcer = new Announcer({ pool: pools.own, wake: () => feed.wake(), logger })

  const recorder = new Recorder({
    pool: pools.work,
    circuits,
    countCircuits: options.circuitBreaker ?? true,
    endpoints,
    workerId,
    prepared,
    logger,
    observer: () => announcing(worker.observer, announcer),
  })
  const queue = new PostgresQueue<Landing>({
    pool: pools.work,
    table: {
      schema: 'posthorn',
      name: 'delivery_queue',
      groupColumn: 'endpoint_id',
      groupType: 'uuid',
      gates: DELIVERY_GATES,
    },
    preparedStatements: prepared,
    onClaimed: (client, items) => accountForClaim(client, items, circuits),
    complete: (outcomes) => recorder.complete(outcomes),
  })
  const worker: DeliveryWorker = new DeliveryWorker({
    pool: pools.work,
    queue,
    endpoints: new EndpointCache(endpoints, Date.now),
    sending,
    timeoutMs: defaults.timeoutMs,
    concurrency: options.concurrency ?? 512,
    pollIntervalMs: pollMs,
    prepared,
    emitter,
    logger,
    clock: systemClock,
    random: Math.random,
  })
  const upkeep = new Upkeep(pools.own, logger)
  const listener = new Listener({
    ...(pools.listen ? { connection: pools.listen, channel: 'posthorn_due' } : { mode: 'poll' as const }),
    onWake: () => worker.wake(),
    pollMs,
    onError: (err) => logger.warn({ err }, 'notifications are interrupted; polling goes on'),
  })

  const enqueueEndpoints = new EnqueueEndpoints(endpoints, defaults)
  const publisher = new Publisher({
    intake: new EventIntake(pools.intake, { prepared }),
    endpoints: enqueueEndpoints,
    sealer,
    onAccepted: (acceptedFor) => announcer.count(acceptedFor, 'events', 'published'),
  })
  const services = {
    repository: endpoints,
    circuits,
    defaults,
    test: createEndpointTest({ sending, pool: pools.own }),
    forget: (endpointId: string) => enqueueEndpoints.forget(endpointId),
  }
  const deliveries = new DeliveryRepository(pools.main)
  const events = new EventRepository(pools.main)
  const scope = (appId: string): AppScope => ({
    enqueue: (input, write = {}) => publisher.enqueue(appId, input, write),
    publish: (input, write = {}) => publisher.publish(appId, input, write),
    publishMany: (inputs, write = {}) => publisher.publishMany(appId, inputs, write.context ?? {}),
    endpoints: createEndpointsApi(appId, services),
    deliveries: createDeliveriesApi(appId, pools.own, deliveries),
    events: createEventsApi(appId, events, deliveries),
    changes: { follow: (request) => follow({ feed, pool: pools.main, logger }, appId, request) },
  })

  let stopped: Promise<void> | undefined
  const stop = async (graceMs: number): Promise<void> => {
    await Promise.all([listener.close(), feed.stop()])
    await Promise.all([worker.stop(graceMs), upkeep.stop()])
    await announcer.stop()
    await dispatcher.close()
    await pools.close()
  }

  return {
    ...scope(DEFAULT_APP_ID),
    forApp: scope,
    hasApp: (appId) => appExists(pools.own, appId),
    keys: new KeyRepository(pools.own),
    migrate: () => migrate(pools.migration),
    readiness: () => readiness(pools.own, endpoints),
    async wake() {
      worker.wake()
      await pools.own.query(`select pg_notify('posthorn_due', '')`)
    },
    changed: () => announcer.changed(),
    async start() {
      await assertKeysFit(endpoints)
      if (options.upkeep ?? true) upkeep.start()
      worker.start()
      await listener.start()
    },
    runOnce: () => worker.runOnce(),
    stop({ graceMs = DEFAULT_GRACE_MS } = {}) {
      stopped ??= stop(graceMs)
      return stopped
    },
    on: (name, callback) => emitter.on(name, callback),
    get stats() {
      return worker.stats
    },
    async [Symbol.asyncDispose]() {
      stopped ??= stop(DEFAULT_GRACE_MS)
      await stopped
    },
  }
}
