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

/** A part of a conversation: from its beginning, or on one side of a cursor that an earlier page gave. */
export interface EntryRequest {
  /** at most 1 000, which it is when nothing is asked for */
  readonly limit?: number
  readonly cursor?: string
}

/** Entries in the order of their events, with opaque cursors to the neighbouring pages; null where there is none. */
export interface EntryPage<T> {
  readonly data: T[]
  readonly next: string | null
  readonly prev: string | null
}

interface Placed {
  readonly place: string
  readonly tie: string
}

/** A cursor taken apart: entries after a place, or before it. */
interface Position extends Placed {
  readonly limit: number
  readonly direction: 'after' | 'before'
  /** whether there was no cursor: the list from its beginning */
  readonly isStart: boolean
}

/** How a direction compares and sorts in SQL. */
const IN_SQL = {
  after: { beyond: '>', order: 'asc' },
  before: { beyond: '<', order: 'desc' },
} as const

/** @throws ValidationError naming `cursor` or `limit` */
export async function readMessages(
  pool: pg.Pool,
  conversationId: string,
  request: EntryRequest,
): Promise<EntryPage<Message>> {
  const position = parse(request)
  const { beyond, order } = IN_SQL[position.direction]
  const { rows } = await pool.query<Message & Placed>(
    `select id, event_id as "eventId", role, text, agent_id as "agentId", agent_type as "agentType",
            occurred_at as "occurredAt", place, '' as tie
       from posthorn.messages where conversation_id = $1 and place ${beyond} $2 order by place ${order} limit $3`,
    [conversationId, position.place, position.limit + 1],
  )
  return toEntries(rows, position)
}

/** @throws ValidationError naming `cursor` or `limit` */
export async function readToolUses(
  pool: pg.Pool,
  conversationId: string,
  request: EntryRequest,
): Promise<EntryPage<ToolUse>> {
  const position = parse(request)
  const { beyond, order } = IN_SQL[position.direction]
  const value = (column: string) =>
    `case when length(${column}) <= ${MAX_VALUE_CHARACTERS} then ${column} end`
  const { rows } = await pool.query<ToolUse & Placed>(
    `select id, event_id as "eventId", tool_use_id as "toolUseId", tool_name as "toolName", status,
            ${value('input')} as input, length(input) as "inputLength",
            ${value('response')} as response, length(response) as "responseLength", error, interrupted,
            duration_ms as "durationMs", agent_id as "agentId", agent_type as "agentType", started_at as "startedAt",
            ended_at as "endedAt", place, coalesce(tool_use_id, '') collate "C" as tie
       from posthorn.tool_uses
      where conversation_id = $1 and place ${beyond}= $2
        and (place, coalesce(tool_use_id, '') collate "C") ${beyond} ($2, $3)
      order by place ${order}, tie ${order} limit $4`,
    [conversationId, position.place, position.tie, position.limit + 1],
  )
  return toEntries(rows, position)
}

function parse({ limit = MAX_ENTRIES, cursor }: EntryRequest): Position {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
    throw new ValidationError([
      { path: 'limit', message: 'is out of range', expected: `an integer from 1 to ${MAX_ENTRIES}` },
    ])
  }
  if (cursor === undefined) return { limit, direction: 'after', isStart: true, place: '', tie: '' }
  const text = Buffer.from(cursor, 'base64url').toString()
  const [place, tie, ...more] = text.slice(1).split('\n')
  if (!/^[<>]/.test(text) || !place || tie === undefined || more.length > 0 || /\0/.test(place + tie)) {
    throw new ValidationError([
      { path: 'cursor', message: 'is not a cursor of this list', expected: 'a cursor from an earlier page' },
    ])
  }
  return { limit, direction: text.startsWith('>') ? 'after' : 'before', isStart: false, place, tie }
}

/** Makes a page of rows fetched with `limit + 1`, in the order of the query. */
function toEntries<T extends Placed>(
  rows: readonly T[],
  { limit, direction, isStart }: Position,
): EntryPage<Omit<T, keyof Placed>> {
  const more = rows.length > limit
  const page = rows.slice(0, limit)
  if (direction === 'before') page.reverse()
  const [first, last] = [page[0], page.at(-1)]
  const hasNext = direction === 'after' ? more : true
  const hasPrev = direction === 'after' ? !isStart : more
  return {
    data: page.map(({ place: _, tie: __, ...entry }) => entry),
    next: hasNext && last ? cursorOf('>', last) : null,
    prev: hasPrev && first ? cursorOf('<', first) : null,
  }
}

const cursorOf = (mark: '>' | '<', { place, tie }: Placed): string =>
  Buffer.from(`${mark}${place}\n${tie}`).toString('base64url')
