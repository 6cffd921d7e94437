import { formatId, NotFoundError } from '@posthorn/core'
import type { App, AppRepository } from '@posthorn/db'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { rotationSchema } from '../endpoints/schemas.ts'
import { defined, pageOf, pageQuery } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import {
  appChangeSchema,
  appInputSchema,
  appParams,
  appSchema,
  newAppSchema,
  newAppSecretSchema,
} from './schemas.ts'

const tags = ['apps']
const DAY_MS = 86_400_000

export interface AppRoutesOptions {
  readonly apps: AppRepository
  /** what calls remember of an app is of no use any more */
  readonly forget: (appId: string) => void
}

/** Apps, the tenants: made, read, changed, removed. */
export function registerApps(app: ZodApp, { apps, forget }: AppRoutesOptions): void {
  app.post(
    '/apps',
    {
      config: { access: 'manage', platform: true },
      schema: {
        summary: 'Make an app',
        description: 'For a key of the platform.',
        tags,
        body: appInputSchema,
        response: { 201: newAppSchema },
      },
    },
    async (request, reply) => {
      const { name, contacts = [] } = request.body
      const made = await apps.create({ name, contacts: unique(contacts) })
      const view = appView(made.app)
      return reply
        .code(201)
        .header('location', `/api/v1/apps/${view.id}`)
        .send({ ...view, secret: made.secret })
    },
  )

  app.get(
    '/apps',
    {
      config: { access: 'read', platform: true },
      schema: {
        summary: 'List apps',
        description: 'For a key of the platform.',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(appSchema) },
      },
    },
    async (request) => {
      const page = await apps.list(defined(request.query))
      return { ...page, data: page.data.map(appView) }
    },
  )

  app.get(
    '/apps/:appId',
    {
      config: { access: 'read' },
      schema: { summary: 'An app', tags, params: appParams, response: { 200: appSchema } },
    },
    async (request) => appView((await apps.get(callerOf(request).appId)) ?? missing()),
  )

  app.patch(
    '/apps/:appId',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Change an app',
        description: 'What is given changes, the rest stays.',
        tags,
        params: appParams,
        body: appChangeSchema,
        response: { 200: appSchema },
      },
    },
    async (request) => {
      const { name, contacts } = request.body
      const change = defined({ name, contacts: contacts && unique(contacts) })
      return appView((await apps.update(callerOf(request).appId, change)) ?? missing())
    },
  )

  app.delete(
    '/apps/:appId',
    {
      config: { access: 'manage', platform: true },
      schema: {
        summary: 'Remove an app',
        description:
          'Its endpoints go with it, what is still owed to them is cancelled, and its keys open nothing any more, within ' +
          'seconds. 409 for the default app. For a key of the platform.',
        tags,
        params: appParams,
        response: { 204: z.null().describe('It is gone.') },
      },
    },
    async (request, reply) => {
      const { appId } = callerOf(request)
      if (!(await apps.remove(appId))) missing()
      forget(appId)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/apps/:appId/rotate-secret',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Replace the secret of an app',
        description: 'The new one signs at once, the old one beside it for a while.',
        tags,
        params: appParams,
        body: rotationSchema,
        response: { 200: newAppSecretSchema },
      },
    },
    async (request) => {
      const { appId } = callerOf(request)
      const rotated = await apps.rotateSecret(appId, request.body?.graceMs ?? DAY_MS)
      forget(appId)
      return rotated ?? missing()
    },
  )
}

function appView(app: App): z.input<typeof appSchema> {
  const { id, name, contacts, createdAt, updatedAt } = app
  return {
    id: formatId('app', id),
    name,
    contacts,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

const unique = (contacts: readonly string[]): string[] => [...new Set(contacts)]

function missing(): never {
  throw new NotFoundError('There is no such app.')
}
