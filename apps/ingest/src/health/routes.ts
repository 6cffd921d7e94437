import { z } from 'zod'
import type { ZodApp } from '../http/zod-app.ts'
import type { Readiness } from './readiness.ts'

const tags = ['health']
const config = { access: 'public' } as const

const readinessSchema = z.object({ ready: z.boolean(), problems: z.array(z.string()) })

const healthSchema = z.object({
  status: z.enum(['healthy', 'unhealthy']),
  checks: z.object({
    database: z.enum(['healthy', 'unhealthy']),
    webhooks: z.enum(['operational', 'stopping', 'unavailable']),
    timestamp: z.string(),
  }),
})

/** For what watches the service. */
export function registerHealth(app: ZodApp, readiness: Readiness): void {
  app.get(
    '/livez',
    {
      config,
      schema: {
        summary: 'The process runs',
        tags,
        response: { 200: z.object({ status: z.literal('alive') }) },
      },
    },
    async () => ({ status: 'alive' as const }),
  )

  app.get(
    '/readyz',
    {
      config,
      schema: {
        summary: 'Requests may be sent here',
        description:
          'Not while the database cannot be reached, lacks migrations or would lose what it has acknowledged, and not ' +
          'while the service is stopping.',
        tags,
        response: { 200: readinessSchema, 503: readinessSchema },
      },
    },
    async (_request, reply) => {
      const answer = await readiness.check()
      return reply.code(answer.ready ? 200 : 503).send(answer)
    },
  )

  for (const path of ['/health', '/api/health']) {
    app.get(
      path,
      { config, schema: { summary: 'Health', tags, response: { 200: healthSchema, 503: healthSchema } } },
      async (_request, reply) => {
        const { ready } = await readiness.database()
        const isHealthy = ready && !readiness.isDraining
        return reply.code(isHealthy ? 200 : 503).send({
          status: isHealthy ? ('healthy' as const) : ('unhealthy' as const),
          checks: {
            database: ready ? ('healthy' as const) : ('unhealthy' as const),
            webhooks: readiness.isDraining ? 'stopping' : ready ? 'operational' : 'unavailable',
            timestamp: new Date().toISOString(),
          },
        })
      },
    )
  }
}
