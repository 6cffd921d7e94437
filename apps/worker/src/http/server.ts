import type { DatabaseReadiness } from '@posthorn/db'
import type { Registry } from '@prometheus-io/client'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'

/** What the server tells about. */
export interface HealthSources {
  /** whether the worker claims, and is not stopping */
  readonly isRunning: () => boolean
  readonly readiness: () => Promise<DatabaseReadiness>
  readonly metrics: Registry
  readonly logger: FastifyBaseLogger
}

/** For what watches the worker: `/livez`, `/readyz` and `/metrics`. Nothing else, and no key is needed. */
export function createServer({ isRunning, readiness, metrics, logger }: HealthSources): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    requestTimeout: 10_000,
    bodyLimit: 1_024,
  })

  app.get('/livez', async () => ({ status: 'alive' }))

  app.get('/readyz', async (_request, reply) => {
    const database = await readiness()
    const problems = [...(isRunning() ? [] : ['the worker is not running']), ...database.problems]
    return reply.code(problems.length === 0 ? 200 : 503).send({ ready: problems.length === 0, problems })
  })

  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )

  return app
}
