import { createCapture } from '@posthorn/conversations'
import {
  AppRepository,
  ApprovalRepository,
  CallRepository,
  ConversationRepository,
  createKeyring,
  HookClientRepository,
  ManifestRepository,
  NotificationRepository,
  PLATFORM_APP_ID,
} from '@posthorn/db'
import type { Posthorn } from '@posthorn/engine'
import type { Registry } from '@prometheus-io/client'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { registerApprovals } from './approvals/routes.ts'
import { registerManifests } from './apps/manifest-routes.ts'
import { registerApps } from './apps/routes.ts'
import { Authenticator } from './auth/authenticator.ts'
import { isStillAllowed, registerAuth } from './auth/hook.ts'
import { createCalls } from './calls/create-calls.ts'
import { registerCallReading } from './calls/read-routes.ts'
import { registerCall } from './calls/routes.ts'
import { registerCapabilityCircuits } from './circuits/routes.ts'
import type { IngestConfig } from './config.ts'
import { registerConversations } from './conversations/routes.ts'
import { registerDeliveries } from './deliveries/routes.ts'
import { registerCircuits } from './endpoints/circuit-routes.ts'
import { registerEndpointActions, registerEndpoints } from './endpoints/routes.ts'
import { MAX_OPEN_PER_APP, registerAdmission } from './events/admission.ts'
import { batchRoutes } from './events/batch.ts'
import { registerPublish } from './events/publish.ts'
import { registerEventReading } from './events/read.ts'
import { registerReprocessing } from './events/reprocess.ts'
import { Readiness } from './health/readiness.ts'
import { registerHealth } from './health/routes.ts'
import { registerHookClients } from './hooks/clients.ts'
import { MAX_PROJECTING } from './hooks/load.ts'
import { registerHooks } from './hooks/routes.ts'
import { registerBodies } from './http/body.ts'
import { errorFields } from './http/error-fields.ts'
import { registerRequestEnd } from './http/request-end.ts'
import { requestIdOf } from './http/request-id.ts'
import { logRequest } from './http/request-log.ts'
import { serializerCompiler, validatorCompiler } from './http/schemas.ts'
import type { ZodApp } from './http/zod-app.ts'
import { createMetrics } from './metrics/metrics.ts'
import { registerMetrics } from './metrics/routes.ts'
import { registerNotifications } from './notifications/routes.ts'
import type { IngestPools } from './pools.ts'
import { answerClientError, answerFrameworkError, registerProblems } from './problems/handlers.ts'
import { registerOpenApi } from './reference/openapi.ts'
import { registerReference } from './reference/routes.ts'
import { registerStream, registerStreamAlias } from './stream/routes.ts'
import { Streams, type StreamTimes } from './stream/streams.ts'

/** What the HTTP service is made of. */
export interface IngestOptions {
  /** the engine, migrated; the service neither starts its worker nor stops it */
  readonly posthorn: Posthorn
  /** stay the caller's to end, after the service */
  readonly pools: IngestPools
  readonly config: IngestConfig
  /** a pino logger, or nothing is logged */
  readonly logger?: FastifyBaseLogger
  /** how many requests with events one app may have open at once (1 000) */
  readonly maxOpenPerApp?: number
  /** how many calls may wait for one app at once before others have their fallback (2 000) */
  readonly maxCallsPerApp?: number
  readonly stream?: Partial<StreamTimes>
  /** what `/metrics` tells beside the service's own: of a worker in the same process */
  readonly moreMetrics?: readonly Registry[]
  /** how many captured events are projected at once before others are only stored (200) */
  readonly maxProjecting?: number
  /** whether answers show where an error came from: by default not with `NODE_ENV=production` */
  readonly showStacks?: boolean
}

/** The HTTP service: a Fastify instance that more routes may be added to before it listens. */
export type IngestApp = ZodApp & {
  /** From now on `/readyz` says no, and connections are closed as they are answered; nothing is refused. */
  drain(): void
}

const SECOND = 1_000

/** Longer than any request line that Node takes: what is no id is a 404 of ours, whatever its length. */
const MAX_PARAM_LENGTH = 65_536

/** How long a connection may be silent, a request may take to come in, and a connection may wait for the next one. */
const TIMEOUTS = {
  connectionTimeout: 120 * SECOND,
  requestTimeout: 60 * SECOND,
  keepAliveTimeout: 10 * SECOND,
  http: { headersTimeout: 15 * SECOND },
}

/**
 * The service with all its routes, listening nowhere: call `ready()` and `listen()`, or `inject()` in tests.
 *
 * @throws Error when a route was added that does not say what access it needs
 */
export async function createIngest(options: IngestOptions): Promise<IngestApp> {
  const { posthorn, pools, config, logger } = options
  const showStacks = options.showStacks ?? process.env['NODE_ENV'] !== 'production'
  const changed = () => posthorn.changed()
  const capture = createCapture({
    pool: pools.capture,
    onError: (error) => logger?.warn({ err: errorFields(error) }, 'a projection is left to a worker'),
  })
  const readiness = new Readiness(() => posthorn.readiness())
  const metrics = createMetrics(options.moreMetrics)
  const authenticator = new Authenticator(posthorn.keys, {
    onTouchError: () => logger?.warn('the use of a key could not be noted'),
  })
  const app = instance(options)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  registerProblems(app)
  app.decorateRequest('eventRequestId', null)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
    if (readiness.isDraining) reply.header('connection', 'close')
    done()
  })
  registerRequestEnd(app, [logRequest, metrics.countRequest])
  registerAuth(app, { posthorn, authenticator })
  registerAdmission(app, options.maxOpenPerApp ?? MAX_OPEN_PER_APP)
  registerBodies(app)
  await registerOpenApi(app)
  registerHealth(app, readiness)
  registerMetrics(app, metrics)
  registerReference(app)
  const streams = new Streams(app, {
    ...options.stream,
    platform: posthorn.forApp(PLATFORM_APP_ID),
    isStillAllowed: (request) => isStillAllowed(authenticator, request, 'read'),
    onCount: metrics.setStreams,
  })
  registerStreamAlias(app, streams)
  registerHooks(app, {
    capture,
    bodyLimit: config.WEBHOOK_BODY_LIMIT,
    metrics,
    maxProjecting: options.maxProjecting ?? MAX_PROJECTING,
    showStacks,
    changed,
  })
  const keyring = createKeyring(config.POSTHORN_ENCRYPTION_KEYS)
  const calls = createCalls({
    ...{ posthorn, pool: pools.calls, config, metrics, logger },
    maxOpenPerApp: options.maxCallsPerApp,
  })
  // Behind the last answer: what was recorded of calls is written before the service is gone.
  app.addHook('onClose', () => calls.delegator.close())
  await app.register(
    async (api: ZodApp) => {
      registerPublish(api, { bodyLimit: config.WEBHOOK_BODY_LIMIT, metrics })
      await api.register(batchRoutes, { bodyLimit: config.WEBHOOK_BODY_LIMIT, metrics })
      registerEventReading(api, { showStacks })
      registerReprocessing(api, { capture, showStacks, changed })
      registerConversations(api, new ConversationRepository(pools.capture), changed)
      registerHookClients(api, new HookClientRepository(pools.capture))
      registerEndpoints(api)
      registerEndpointActions(api)
      registerCircuits(api)
      registerDeliveries(api)
      registerApps(api, {
        apps: new AppRepository(pools.management, keyring),
        forget: (appId) => calls.apps.forget(appId),
      })
      registerManifests(api, { ...calls, manifests: new ManifestRepository(pools.management, keyring) })
      registerCall(api, { delegator: calls.delegator, bodyLimit: config.WEBHOOK_BODY_LIMIT })
      registerCallReading(api, new CallRepository(pools.management))
      registerCapabilityCircuits(api, { calls, pool: pools.management })
      registerApprovals(api, {
        posthorn,
        pool: pools.management,
        approvals: new ApprovalRepository(pools.management),
      })
      registerNotifications(api, new NotificationRepository(pools.management))
      registerStream(api, streams)
    },
    { prefix: '/api/v1' },
  )
  return Object.assign(app, { drain: () => readiness.drain() })
}

function instance({ config, logger }: IngestOptions): ZodApp {
  const app = Fastify({
    ...TIMEOUTS,
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    logController: new LogController({ requestIdLogLabel: 'requestId', disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit: config.WEBHOOK_BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: config.TRUST_PROXY.length > 0 ? [...config.TRUST_PROXY] : false,
    // While stopping, what still arrives on an open connection is answered like anything else, and the connection closed.
    return503OnClosing: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
  })
  return app.withTypeProvider<ZodTypeProvider>()
}
