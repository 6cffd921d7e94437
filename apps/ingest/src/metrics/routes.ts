import type { FastifyInstance } from 'fastify'
import type { Metrics } from './metrics.ts'

/** `GET /metrics` for Prometheus. */
export function registerMetrics(app: FastifyInstance, { registry }: Metrics): void {
  app.get(
    '/metrics',
    { config: { access: 'public' }, schema: { summary: 'Metrics', tags: ['health'] } },
    async (_request, reply) =>
      reply.header('content-type', registry.contentType).send(await registry.metrics()),
  )
}
