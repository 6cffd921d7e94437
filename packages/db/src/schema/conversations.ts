import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, real, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { instant, ordered, posthorn } from './namespace.ts'

/**
 * The projection of captured events. Events come late, twice and in any order, so what a field holds is decided by the
 * place of its event in the conversation and never by arrival. That place is a text, an ISO time and the request id: the
 * columns named `…Place` hold the place of the event that the fields beside them come from.
 */
export const conversations = posthorn.table(
  'conversations',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    sessionId: text('session_id').notNull(),
    /** first line of the first prompt */
    title: text('title'),
    titlePlace: ordered('title_place'),
    /** what the last event says that begins, resumes or ends a session */
    status: text('status').$type<ConversationStatus>().notNull().default('active'),
    endedAt: instant('ended_at'),
    endReason: text('end_reason'),
    statusPlace: ordered('status_place'),
    /** last known */
    model: text('model'),
    modelPlace: ordered('model_place'),
    /** where it began */
    cwd: text('cwd'),
    cwdPlace: ordered('cwd_place'),
    startedAt: instant('started_at').notNull(),
    lastEventAt: instant('last_event_at').notNull(),
    eventCount: integer('event_count').notNull().default(0),
    messageCount: integer('message_count').notNull().default(0),
    toolUseCount: integer('tool_use_count').notNull().default(0),
    toolFailureCount: integer('tool_failure_count').notNull().default(0),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('conversations_session').on(t.appId, t.sessionId),
    index('conversations_app').on(t.appId, t.id),
    check('conversations_status', sql`${t.status} in ('active', 'ended')`),
  ],
)

export type ConversationStatus = 'active' | 'ended'

/** What was said: one row for each event that says something. */
export const messages = posthorn.table(
  'messages',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    eventId: uuid('event_id').notNull(),
    role: text('role').$type<MessageRole>().notNull(),
    text: text('text').notNull(),
    /** the subagent that said it; null: the session itself */
    agentId: text('agent_id'),
    agentType: text('agent_type'),
    occurredAt: instant('occurred_at').notNull(),
    place: ordered('place').notNull(),
  },
  (t) => [
    uniqueIndex('messages_event').on(t.eventId),
    index('messages_conversation').on(t.conversationId, t.place),
    check('messages_role', sql`${t.role} in ('user', 'assistant')`),
  ],
)

export type MessageRole = 'user' | 'assistant'

/** What a tool was asked and what came of it: the events before and after it in one row, joined by the tool's own id. */
export const toolUses = posthorn.table(
  'tool_uses',
  {
    id: uuid('id').primaryKey(),
    appId: uuid('app_id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    /** the tool's own id; null: the event had none and is a row of its own */
    toolUseId: text('tool_use_id'),
    /** the first event of it */
    eventId: uuid('event_id').notNull(),
    toolName: text('tool_name').notNull(),
    /** JSON text */
    input: text('input'),
    inputPlace: ordered('input_place'),
    status: text('status').$type<ToolUseStatus>().notNull().default('running'),
    /** JSON text */
    response: text('response'),
    error: text('error'),
    interrupted: boolean('interrupted').notNull().default(false),
    durationMs: real('duration_ms'),
    endedAt: instant('ended_at'),
    outcomePlace: ordered('outcome_place'),
    agentId: text('agent_id'),
    agentType: text('agent_type'),
    startedAt: instant('started_at').notNull(),
    place: ordered('place').notNull(),
  },
  (t) => [
    uniqueIndex('tool_uses_tool').on(t.conversationId, t.toolUseId).where(sql`${t.toolUseId} is not null`),
    uniqueIndex('tool_uses_event').on(t.eventId).where(sql`${t.toolUseId} is null`),
    index('tool_uses_conversation').on(t.conversationId, t.place),
    check('tool_uses_status', sql`${t.status} in ('running', 'succeeded', 'failed', 'denied')`),
  ],
)

export type ToolUseStatus = 'running' | 'succeeded' | 'failed' | 'denied'
