import { formatId } from '@posthorn/core'
import type { Conversation, Message, ToolUse } from '@posthorn/db'
import type { z } from 'zod'
import type { conversationSchema, messageSchema, toolUseSchema } from './schemas.ts'

/** A conversation as it is shown. */
export function conversationView(row: Conversation): z.input<typeof conversationSchema> {
  const { eventCount, messageCount, toolUseCount, toolFailureCount, ...rest } = row
  return {
    ...rest,
    id: formatId('conv', row.id),
    startedAt: row.startedAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    lastEventAt: row.lastEventAt.toISOString(),
    counts: {
      events: eventCount,
      messages: messageCount,
      toolUses: toolUseCount,
      toolFailures: toolFailureCount,
    },
  }
}

/** A message as it is shown. */
export function messageView(row: Message): z.input<typeof messageSchema> {
  return {
    ...row,
    id: formatId('msg', row.id),
    eventId: formatId('evt', row.eventId),
    occurredAt: row.occurredAt.toISOString(),
  }
}

/** A tool use as it is shown. Its values are JSON text that was taken from an event. */
export function toolUseView(row: ToolUse): z.input<typeof toolUseSchema> {
  return {
    ...row,
    id: formatId('tu', row.id),
    eventId: formatId('evt', row.eventId),
    input: parsed(row.input),
    response: parsed(row.response),
    startedAt: row.startedAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  }
}

const parsed = (json: string | null): unknown => (json === null ? null : JSON.parse(json))
