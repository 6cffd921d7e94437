import type { HookClient, HookClientRepository } from '@posthorn/db'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { defined, pageOf, pageQuery } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'

const hookClientSchema = z
  .object({
    id: z.string().describe('uuid, made by the client once'),
    host: z.string().nullable(),
    platform: z.string().nullable(),
    arch: z.string().nullable(),
    nodeVersion: z.string().nullable(),
    version: z.string().nullable(),
    backlog: z.int().describe('events that waited in its spool when it last sent one'),
    failed: z.int().describe('events that it has given up'),
    dropped: z.int().describe('events that it has dropped since it exists'),
    droppedByReason: z.record(z.string(), z.int()),
    lastError: z.object({ code: z.string(), at: z.string().nullable() }).nullable(),
    firstSeenAt: z.string(),
    lastSeenAt: z.string(),
  })
  .meta({ id: 'HookClient' })

/** `GET /hook-clients`: what hook clients last said of themselves. */
export function registerHookClients(app: ZodApp, hookClients: HookClientRepository): void {
  app.get(
    '/hook-clients',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List hook clients',
        description: 'What each reported with the last event that it sent: its backlog, and what it dropped.',
        tags: ['capture'],
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(hookClientSchema) },
      },
    },
    async (request) => {
      const page = await hookClients.list(callerOf(request).appId, defined(request.query))
      return { ...page, data: page.data.map(clientView) }
    },
  )
}

function clientView(client: HookClient): z.input<typeof hookClientSchema> {
  return {
    ...client,
    dropped: Number(client.dropped),
    firstSeenAt: client.firstSeenAt.toISOString(),
    lastSeenAt: client.lastSeenAt.toISOString(),
  }
}
