import { formatId, NotFoundError } from '@posthorn/core'
import type { Notification, NotificationRepository } from '@posthorn/db'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { defined, idParams, moment, noBody, pageOf, pageQuery, text, uuidOf } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'

const tags = ['notifications']
const time = z.string().describe('ISO 8601')
const room = text(500).describe('the `roomId` of the context of calls')

const notificationSchema = z
  .object({
    id: z.string().describe('`ntf_…`'),
    appId: z.string().describe('`app_…`'),
    capability: z.string(),
    roomId: z.string().nullable(),
    reason: z.string().describe('why there was no answer of the app'),
    strategy: z.string().describe('the fallback that answered'),
    count: z.int().describe('calls of one burst that are folded into it'),
    firstAt: time,
    lastAt: time,
    callId: z.string().describe('`call_…`: the last of them'),
    readAt: time.nullable().describe('null again where another call was folded into it'),
    readBy: z.string().nullable(),
  })
  .meta({ id: 'Notification' })

const notificationQuery = z.strictObject({
  room: room.optional(),
  unread: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((value) => value === 'true')
    .optional(),
  ...pageQuery,
})

/** What organizers are told of fallbacks. A key of the platform that names no app sees those of every app. */
export function registerNotifications(app: ZodApp, notifications: NotificationRepository): void {
  app.get(
    '/notifications',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List notifications',
        description: 'Newest first. Of every app for a key of the platform that names none.',
        tags,
        querystring: notificationQuery,
        response: { 200: pageOf(notificationSchema) },
      },
    },
    async (request) => {
      const { room: roomId, unread, ...page } = request.query
      const { onlyAppId } = callerOf(request)
      const found = await notifications.list(onlyAppId, { roomId, unread }, defined(page))
      return { ...found, data: found.data.map(notificationView) }
    },
  )

  app.post(
    '/notifications/:id/read',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Mark a notification as read',
        description: 'One that was read before keeps who read it first.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: notificationSchema },
      },
    },
    async (request) => {
      const { key, onlyAppId } = callerOf(request)
      const id = uuidOf('ntf', 'notification', request.params.id)
      await notifications.markRead(onlyAppId, { ids: [id] }, `key:${key.name}`)
      const found = await notifications.get(onlyAppId, id)
      if (!found) throw new NotFoundError('There is no such notification.')
      return notificationView(found)
    },
  )

  app.post(
    '/notifications/read',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Mark the notifications of a room as read',
        description: 'Those to which nothing was added after `until`, which is now unless given.',
        tags,
        body: z.strictObject({ room, until: moment.exactOptional() }),
        response: { 200: z.object({ marked: z.int().describe('how many were unread') }) },
      },
    },
    async (request) => {
      const { key, onlyAppId } = callerOf(request)
      const { room: roomId, until } = request.body
      const choice = { roomId, until: until === undefined ? new Date() : new Date(until) }
      return { marked: await notifications.markRead(onlyAppId, choice, `key:${key.name}`) }
    },
  )
}

function notificationView(row: Notification): z.input<typeof notificationSchema> {
  return {
    ...row,
    id: formatId('ntf', row.id),
    appId: formatId('app', row.appId),
    callId: formatId('call', row.callId),
    firstAt: row.firstAt.toISOString(),
    lastAt: row.lastAt.toISOString(),
    readAt: row.readAt?.toISOString() ?? null,
  }
}
