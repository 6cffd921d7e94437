import { z } from 'zod'
import { text } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import type { Streams } from './streams.ts'

/** What is announced. The alias of the older system has conversations only. */
export const CHANGE_TYPES = [
  'conversation_update',
  'message',
  'tool_use',
  'event',
  'events',
  'deliveries',
  'dead_letter',
  'circuit',
  'notification',
  'approval',
] as const

const streamQuery = z.strictObject({
  types: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(CHANGE_TYPES, `must be some of ${CHANGE_TYPES.join(', ')}`)))
    .optional()
    .describe('only these, separated by commas'),
  room: text(500)
    .optional()
    .describe('only what carries this `roomId`; for a key of the platform that names no app, of every app'),
  lastEventId: z
    .string()
    .max(8_192)
    .optional()
    .describe('the id of the last event that was received, where the header `last-event-id` cannot be sent'),
})

const DESCRIPTION =
  'Server-sent events. The first is `connected`; then each change of the app as an event named for its kind. Reconnecting ' +
  'with the id of the last event (as browsers do) gives what was missed, each once. `reset` says that it is no longer kept ' +
  '(an hour) or the id is unknown: fetch anew. `closing` is the last event of a stream that the service ends.'

/** `GET /stream`, with every kind of change. */
export function registerStream(app: ZodApp, streams: Streams): void {
  app.get(
    '/stream',
    {
      config: { access: 'read' },
      exposeHeadRoute: false,
      schema: {
        summary: 'Follow what changes',
        description: DESCRIPTION,
        tags: ['stream'],
        querystring: streamQuery,
        headers: z.object({
          'last-event-id': z.string().optional().describe('the last event that was received'),
        }),
        response: {
          200: {
            description: 'Events without end',
            content: {
              'text/event-stream': { schema: z.string().describe('lines `id:`, `event:` and `data:`') },
            },
          },
        },
      },
    },
    (request, reply) => streams.open(request, reply, request.query),
  )
}

/** The same under the name it had before, with changes of conversations alone unless `types` says otherwise. */
export function registerStreamAlias(app: ZodApp, streams: Streams): void {
  app.get(
    '/api/conversations/stream',
    {
      config: { access: 'read' },
      exposeHeadRoute: false,
      schema: { hide: true, querystring: streamQuery },
    },
    (request, reply) =>
      streams.open(request, reply, {
        ...request.query,
        types: request.query.types ?? ['conversation_update'],
      }),
  )
}
