import type { EventDetail } from '@posthorn/engine'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { attemptSchema, deliverySchema } from '../deliveries/schemas.ts'
import { defined, idParams, moment, pageOf, pageQuery, pathId, text } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { EVENT_STATUSES } from './statuses.ts'

const tags = ['events']

const captureSchema = z
  .object({
    occurredAt: z.string().nullable().describe("by its sender's clock"),
    processedAt: z.string().nullable(),
    processingTimeMs: z.number().nullable(),
    conversationId: z.string().nullable().describe('`conv_…`'),
    messageId: z.string().nullable().describe('`msg_…`'),
    toolUseId: z.string().nullable().describe('`tu_…`'),
    duplicateOf: z.string().nullable().describe('`evt_…`: the same request came before'),
    retryCount: z.int(),
    retryAfter: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'CapturedEvent' })

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
    capture: captureSchema.nullable().describe('null for an event that was published'),
  })
  .meta({ id: 'StoredEvent' })

const eventDetailSchema = eventSchema
  .extend({
    deliveries: z.array(deliverySchema.extend({ attempts: z.array(attemptSchema) })),
    errorStack: z.string().nullable().describe('null in production'),
    rawBody: z
      .object({ encoding: z.enum(['utf8', 'base64']), text: z.string() })
      .nullable()
      .describe('what was received with an event that is `INVALID`'),
    payload: z.unknown().describe('the JSON text as it came, character for character'),
  })
  .meta({ id: 'EventDetail' })

const eventQuery = z.strictObject({
  type: text(200).optional().describe('this one alone, such as `order.created`'),
  requestId: text(200).optional().describe('what its sender named it, or `req_…`'),
  sessionId: text(200).optional().describe('of a captured session, or what its sender gave'),
  status: z
    .enum(EVENT_STATUSES, `must be one of ${EVENT_STATUSES.join(', ')}`)
    .optional()
    .describe('what became of a captured event'),
  since: moment
    .transform((value) => new Date(value))
    .optional()
    .describe('received at this time or later, ISO 8601'),
  ...pageQuery,
})

/** Events that were taken, and what became of them. */
export function registerEventReading(app: ZodApp, options: { readonly showStacks: boolean }): void {
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
      return reply.serializer(eventJson).send(options.showStacks ? event : { ...event, errorStack: null })
    },
  )
}

/** Printing the payload again could change it: its text is put in as it is. */
function eventJson({ payload, ...event }: EventDetail): string {
  return `${JSON.stringify(event).slice(0, -1)},"payload":${payload.json}}`
}
