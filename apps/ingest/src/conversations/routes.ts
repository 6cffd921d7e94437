import { NotFoundError, parseId } from '@posthorn/core'
import type { Conversation, ConversationRepository } from '@posthorn/db'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { defined, idParams, pageOf, pageQuery, text } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { conversationDetailSchema, conversationSchema, messageSchema, toolUseSchema } from './schemas.ts'
import { conversationView, messageView, toolUseView } from './views.ts'

const tags = ['conversations']

const conversationQuery = z.strictObject({
  q: text(200).optional().describe('words that stand in the title or a prompt, in any case'),
  sessionId: text(200).optional(),
  ...pageQuery,
})

const MAX_ENTRIES = 1_000

const entryQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${MAX_ENTRIES}`)
    .transform(Number)
    .refine((value) => value >= 1 && value <= MAX_ENTRIES, `must be a whole number from 1 to ${MAX_ENTRIES}`)
    .optional()
    .describe(`how many, at most ${MAX_ENTRIES}, which it is unless given`),
  cursor: z.string().max(2_000).optional().describe('`next` or `prev` of an earlier page'),
})

const notFound = () => new NotFoundError('There is no such conversation.')

/** What captured events have become. */
export function registerConversations(
  app: ZodApp,
  conversations: ConversationRepository,
  /** tells those who follow that something changed */
  changed: () => void,
): void {
  const find = async (request: FastifyRequest, id: string): Promise<Conversation> => {
    const uuid = parseId('conv', id)
    const found = uuid === undefined ? undefined : await conversations.get(callerOf(request).appId, uuid)
    if (!found) throw notFound()
    return found
  }

  app.get(
    '/conversations',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List conversations',
        description:
          'Newest first. A search looks through a part of the list for each page: one may be short, or empty, and still ' +
          'name a next one.',
        tags,
        querystring: conversationQuery,
        response: { 200: pageOf(conversationSchema) },
      },
    },
    async (request) => {
      const { q, sessionId, ...page } = request.query
      const filter = defined({ search: q, sessionId })
      const found = await conversations.list(callerOf(request).appId, filter, defined(page))
      return { ...found, data: found.data.map(conversationView) }
    },
  )

  app.get(
    '/conversations/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'A conversation with what was said and done',
        tags,
        params: idParams,
        response: { 200: conversationDetailSchema },
      },
    },
    async (request) => {
      const conversation = await find(request, request.params.id)
      const [messages, toolUses] = await Promise.all([
        conversations.messages(conversation.id),
        conversations.toolUses(conversation.id),
      ])
      return {
        ...conversationView(conversation),
        messages: messages.data.map(messageView),
        messagesNext: messages.next,
        toolUses: toolUses.data.map(toolUseView),
        toolUsesNext: toolUses.next,
      }
    },
  )

  app.delete(
    '/conversations/:id',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Delete a conversation',
        description:
          'With its messages and tool uses. The captured events that it was made of stay until their retention ends. An ' +
          'event of its session that comes later begins it anew, under another id.',
        tags,
        params: idParams,
        response: { 204: z.null().describe('It is gone.') },
      },
    },
    async (request, reply) => {
      const uuid = parseId('conv', request.params.id)
      const isGone = uuid !== undefined && (await conversations.remove(callerOf(request).appId, uuid))
      if (!isGone) throw notFound()
      changed()
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/conversations/:id/messages',
    {
      config: { access: 'read' },
      schema: {
        summary: 'What was said, in the order of the events',
        tags,
        params: idParams,
        querystring: entryQuery,
        response: { 200: pageOf(messageSchema) },
      },
    },
    async (request) => {
      const { id } = await find(request, request.params.id)
      const page = await conversations.messages(id, defined(request.query))
      return { ...page, data: page.data.map(messageView) }
    },
  )

  app.get(
    '/conversations/:id/tool-uses',
    {
      config: { access: 'read' },
      schema: {
        summary: 'What tools were used for, in the order of the events',
        tags,
        params: idParams,
        querystring: entryQuery,
        response: { 200: pageOf(toolUseSchema) },
      },
    },
    async (request) => {
      const { id } = await find(request, request.params.id)
      const page = await conversations.toolUses(id, defined(request.query))
      return { ...page, data: page.data.map(toolUseView) }
    },
  )
}
