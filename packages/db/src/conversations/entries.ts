import { ValidationError } from '@posthorn/core'
import type pg from 'pg'
import type { MessageRole, ToolUseStatus } from '../schema/index.ts'

const MAX_ENTRIES = 1_000
/** Longer inputs and responses are left out of a list: they are whole in their events. */
const MAX_VALUE_CHARACTERS = 65_536

/** Something that was said. Ids are uuids. */
export interface Message {
  readonly id: string
  readonly eventId: string
  readonly role: MessageRole
  readonly text: string
  /** the subagent that said it; null: the session itself */
  readonly agentId: string | null
  readonly agentType: string | null
  readonly occurredAt: Date
}

/** What a tool was used for, and what came of it. Ids are uuids, but for the tool's own. */
export interface ToolUse {
  readonly id: string
  /** its first event */
  readonly eventId: string
  /** the tool's own id */
  readonly toolUseId: string | null
  readonly toolName: string
  readonly status: ToolUseStatus
  /** JSON text; null where there was none, or it is longer than 64 Ki characters (see `inputLength`) */
  readonly input: string | null
  readonly inputLength: number | null
  readonly response: string | null
  readonly responseLength: number | null
  readonly error: string | null
  readonly interrupted: boolean
  readonly durationMs: number | null
  readonly agentId: string | null
  readonly agentType: string | null
  readonly startedAt: Date
  readonly endedAt: Date | null
}

/** A part of a conversation, from its beginning or from a cursor on. */
export interface EntryRequest {
  /** at most 1 000, which it is when nothing is asked for */
  readonly limit?: number
  readonly cursor?: string
}

/** Entries in the order of their events; `next` is where it goes on, null at the end. */
export interface EntryPage<T> {
  readonly data: T[]
  readonly next: string | null
}

interface Placed {
  readonly place: string
  readonly tie: string
}

/** @throws ValidationError naming `cursor` or `limit` */
export async function readMessages(
  pool: pg.Pool,
  conversationId: string,
  request: EntryRequest,
): Promise<EntryPage<Message>> {
  const { limit, place } = parse(request)
  const { rows } = await pool.query<Message & Placed>(
    `select id, event_id as "eventId", role, text, agent_id as "agentId", agent_type as "agentType",
            occurred_at as "occurredAt", place, '' as tie
       from posthorn.messages where conversation_id = $1 and place > $2 order by place limit $3`,
    [conversationId, place, limit + 1],
  )
  return toEntries(rows, limit)
}

/** @throws ValidationError naming `cursor` or `limit` */
export async function readToolUses(
  pool: pg.Pool,
  conversationId: string,
  request: EntryRequest,
): Promise<EntryPage<ToolUse>> {
  const { limit, place, tie } = parse(request)
  const value = (column: string) =>
    `case when length(${column}) <= ${MAX_VALUE_CHARACTERS} then ${column} end`
  const { rows } = await pool.query<ToolUse & Placed>(
    `select id, event_id as "eventId", tool_use_id as "toolUseId", tool_name as "toolName", status,
            ${value('input')} as input, length(input) as "inputLength",
            ${value('response')} as response, length(response) as "responseLength", error, interrupted,
            duration_ms as "durationMs", agent_id as "agentId", agent_type as "agentType", started_at as "startedAt",
            ended_at as "endedAt", place, coalesce(tool_use_id, '') collate "C" as tie
       from posthorn.tool_uses
      where conversation_id = $1 and place >= $2 and (place, coalesce(tool_use_id, '') collate "C") > ($2, $3)
      order by place, tie limit $4`,
    [conversationId, place, tie, limit + 1],
  )
  return toEntries(rows, limit)
}

function parse({ limit = MAX_ENTRIES, cursor }: EntryRequest): Placed & { limit: number } {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
    throw new ValidationError([
      { path: 'limit', message: 'is out of range', expected: `an integer from 1 to ${MAX_ENTRIES}` },
    ])
  }
  if (cursor === undefined) return { limit, place: '', tie: '' }
  const [place, tie, ...more] = Buffer.from(cursor, 'base64url').toString().split('\n')
  if (!place || tie === undefined || more.length > 0 || /\0/.test(place + tie)) {
    throw new ValidationError([
      { path: 'cursor', message: 'is not a cursor of this list', expected: 'a cursor from an earlier page' },
    ])
  }
  return { limit, place, tie }
}

function toEntries<T extends Placed>(rows: readonly T[], limit: number): EntryPage<Omit<T, keyof Placed>> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return {
    data: rows.slice(0, limit).map(({ place: _, tie: __, ...entry }) => entry),
    next: last ? Buffer.from(`${last.place}\n${last.tie}`).toString('base64url') : null,
  }
}
