import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { bodyBytes } from '../http/body.ts'
import { readJson } from '../http/json-text.ts'
import { nameAfterEvent } from '../http/request-id.ts'
import { bodyIsRead } from '../http/schemas.ts'
import { acceptedJson } from './answer.ts'
import { publishContext } from './context.ts'
import { readEnvelope } from './envelope.ts'
import { acceptedSchema, envelopeSchema } from './envelope-schema.ts'
import type { EventMetrics } from './event-metrics.ts'
import { withIdempotencyKey } from './idempotency-key.ts'
import { skipSpace } from './spans.ts'

/** `POST /events`: one event, answered after its commit. */
export function registerPublish(
  app: FastifyInstance,
  options: { bodyLimit: number; metrics: EventMetrics },
): void {
  app.post(
    '/events',
    {
      config: { access: 'publish', rawBody: true },
      bodyLimit: options.bodyLimit,
      ...bodyIsRead,
      schema: {
        summary: 'Publish an event',
        description:
          'To every endpoint whose filter matches the type. The answer comes after the commit. The same id again, in the ' +
          'header or in the body, gets the first answer with `duplicate: true`; for another event, 422.',
        tags: ['events'],
        headers: z.object({
          'idempotency-key': z
            .string()
            .optional()
            .describe('names the event: a quoted string or a bare token'),
        }),
        body: envelopeSchema,
        response: { 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      try {
        const { text, value } = readJson(bodyBytes(request))
        const event = readEnvelope(text, value, skipSpace(text, 0))
        const accepted = await callerOf(request).scope.publish(
          withIdempotencyKey(event, request.headers['idempotency-key']),
          { context: publishContext(request) },
        )
        options.metrics.count(accepted.duplicate ? 'duplicate' : 'accepted')
        nameAfterEvent(request, reply, accepted.requestId)
        reply.code(202).header('content-type', 'application/json; charset=utf-8')
        return acceptedJson(accepted)
      } catch (error) {
        options.metrics.count('rejected')
        throw error
      }
    },
  )
}
