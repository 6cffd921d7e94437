import { z } from 'zod'

const time = z.string().describe('ISO 8601')

/** One session of a tool, made of its captured events. */
export const conversationSchema = z
  .object({
    id: z.string().describe('`conv_…`'),
    sessionId: z.string(),
    title: z.string().nullable().describe('first line of the first prompt'),
    status: z.enum(['active', 'ended']),
    startedAt: time,
    endedAt: time.nullable(),
    endReason: z.string().nullable(),
    lastEventAt: time,
    model: z.string().nullable(),
    cwd: z.string().nullable(),
    counts: z.object({
      events: z.int(),
      messages: z.int(),
      toolUses: z.int(),
      toolFailures: z.int(),
    }),
  })
  .meta({ id: 'Conversation' })

/** Something that was said. */
export const messageSchema = z
  .object({
    id: z.string().describe('`msg_…`'),
    eventId: z.string().describe('`evt_…`: the event that it comes from'),
    role: z.enum(['user', 'assistant']),
    text: z.string(),
    agentId: z.string().nullable().describe('the subagent that said it; null: the session itself'),
    agentType: z.string().nullable(),
    occurredAt: time,
  })
  .meta({ id: 'Message' })

/** What a tool was used for, and what came of it. */
export const toolUseSchema = z
  .object({
    id: z.string().describe('`tu_…`'),
    eventId: z.string().describe('`evt_…`: its first event'),
    toolUseId: z.string().nullable().describe('the id that the tool gave it'),
    toolName: z.string(),
    status: z.enum(['running', 'succeeded', 'failed', 'denied']),
    input: z.unknown().describe('null where there is none, or it is longer than 64 Ki characters'),
    inputLength: z.int().nullable(),
    response: z.unknown().describe('null where there is none, or it is longer than 64 Ki characters'),
    responseLength: z.int().nullable(),
    error: z.string().nullable(),
    interrupted: z.boolean(),
    durationMs: z.number().nullable(),
    agentId: z.string().nullable(),
    agentType: z.string().nullable(),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'ToolUse' })

/** A conversation with its beginning: a thousand of each at most, and where the lists go on. */
export const conversationDetailSchema = conversationSchema
  .extend({
    messages: z.array(messageSchema).describe('in the order of the events, at most 1 000'),
    messagesNext: z.string().nullable().describe('cursor of `/messages` for those after them'),
    toolUses: z.array(toolUseSchema).describe('in the order of the events, at most 1 000'),
    toolUsesNext: z.string().nullable().describe('cursor of `/tool-uses` for those after them'),
  })
  .meta({ id: 'ConversationDetail' })
