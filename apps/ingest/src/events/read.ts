import type { EventStatus } from '@posthorn/db'
import type { EventDetail } from '@posthorn/engine'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { attemptSchema, deliverySchema } from '../deliveries/schemas.ts'
import { defined, idParams, moment, pageOf, pageQuery, pathId, text } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'

const EVENT_STATUSES = [
  ...([
    'PENDING',
    'PROCESSING',
    'SUCCESS',
    'PENDING_RETRY',
    'FAILED',
    'ERROR',
    'INVALID',
    'DUPLICATE',
  ] as const),
] satisfies EventStatus[]

const tags = ['events']

const eventSchema = z
  .object({
    id: z.string().describe('`evt_…`'),
    type: z.string(),
    requestId: z.string(),
    traceId: z.string().nullable(),
    sessionId: z.string().nullable(),
    source: z.string(),
    status: z.enum(EVENT_STATUSES),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    receivedAt: z.string(),
  })
  .meta({ id: 'StoredEvent' })

const eventDetailSchema = eventSchema
  .extend({
    deliveries: z.array(deliverySchema.extend({ attempts: z.array(attemptSchema) })),
    payload: z.unknown().describe('the JSON text as it came, character for character'),
  })
  .meta({ id: 'EventDetail' })

const eventQuery = z.strictObject({
  type: text(200).optional(),
  requestId: text(200).optional(),
  sessionId: text(200).optional(),
  status: z.enum(EVENT_STATUSES, `must be one of ${EVENT_STATUSES.join(', ')}`).optional(),
  since: moment.transform((value) => new Date(value)).optional(),
  ...pageQuery,
})

/** Events that were taken, and what became of them. */
export function registerEventReading(app: ZodApp): void {
  app.get(
    '/events',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List events',
        tags,
        querystring: eventQuery,
        response: { 200: pageOf(eventSchema) },
      },
    },
    (request) => callerOf(request).scope.events.list(defined(request.query)),
  )

  app.get(
    '/events/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'An event with its deliveries and attempts',
        tags,
        params: idParams,
        response: { 200: eventDetailSchema },
      },
    },
    async (request, reply) => {
      const event = await callerOf(request).scope.events.get(pathId('evt', 'event', request.params.id))
      return reply.serializer(eventJson).send(event)
    },
  )
}

/** Printing the payload again could change it: its text is put in as it is. */
function eventJson({ payload, ...event }: EventDetail): string {
  return `${JSON.stringify(event).slice(0, -1)},"payload":${payload.json}}`
}
