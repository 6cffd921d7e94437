import { formatId, uuidv7 } from '@posthorn/core'
import type pg from 'pg'
import type { CaptureState } from '../captures/capture.ts'
import { inTransaction } from '../database.ts'
import type { ToolUseStatus } from '../schema/index.ts'
import {
  beginProjectionSql,
  endProjectionSql,
  recordFactsSql,
  touchConversationSql,
} from '../sql/project-event.ts'
import type { Projection, ToolUseFact } from './projection.ts'

const PREVIEW_LENGTH = 200

/** The right to project an event. */
export interface ProjectionLease {
  readonly eventId: string
  readonly leaseToken: string
}

/** How a projection is applied. */
export interface ApplyOptions {
  /** named statements; false behind a transaction pooler */
  readonly prepared: boolean
  /** milliseconds since the work on the event began */
  readonly elapsedMs: () => number
}

interface Facts {
  readonly messageId: string | null
  readonly messages: number
  readonly toolUses: readonly { id: string; toolName: string; status: ToolUseStatus }[]
  readonly toolUseId: string | null
  readonly newToolUses: number
  readonly failures: number
}

const NOTHING: Facts = {
  messageId: null,
  messages: 0,
  toolUses: [],
  toolUseId: null,
  newToolUses: 0,
  failures: 0,
}

/**
 * Writes what an event says, ends its place in the queue and marks it `SUCCESS`: all of it or nothing. Any order and any
 * number of times gives the same rows.
 *
 * @param projection null: it belongs to no session, and only its own status changes
 * @returns undefined when the lease is lost: somebody else projects it, or has
 */
export async function applyProjection(
  pool: pg.Pool,
  lease: ProjectionLease,
  projection: Projection | null,
  options: ApplyOptions,
): Promise<CaptureState | undefined> {
  try {
    return await inTransaction(
      pool,
      (client) => project(runOn(client, options), lease, projection, options),
      beginProjectionSql,
    )
  } catch (error) {
    if (error === LOST) return undefined
    throw error
  }
}

const LOST = Symbol('the lease is lost')

type Run = <T extends pg.QueryResultRow>(
  name: string,
  text: string,
  values: unknown[],
) => Promise<pg.QueryResult<T>>

const runOn =
  (client: pg.ClientBase, { prepared }: ApplyOptions): Run =>
  (name, text, values) =>
    client.query({ text, values, ...(prepared && { name }) })

async function project(
  run: Run,
  lease: ProjectionLease,
  projection: Projection | null,
  options: ApplyOptions,
): Promise<CaptureState> {
  const conversationId = projection && (await touch(projection, run))
  const facts = projection && conversationId ? await record(projection, conversationId, run) : NOTHING
  const news = projection && conversationId ? announced(projection, conversationId, facts) : []
  const { rowCount } = await run('posthorn_end_projection', endProjectionSql, [
    lease.eventId,
    lease.leaseToken,
    conversationId,
    facts.messages,
    facts.newToolUses,
    facts.failures,
    facts.messageId,
    facts.toolUseId,
    options.elapsedMs(),
    JSON.stringify(news),
  ])
  if (rowCount === 0) throw LOST
  const { messageId, toolUseId } = facts
  return { eventId: lease.eventId, status: 'SUCCESS', conversationId, messageId, toolUseId, error: null }
}

async function touch(projection: Projection, run: Run): Promise<string> {
  const { lifecycle } = projection
  const { rows } = await run<{ id: string }>('posthorn_touch_conversation', touchConversationSql, [
    uuidv7(),
    projection.appId,
    projection.sessionId,
    projection.place,
    projection.occurredAt,
    projection.title,
    lifecycle?.status ?? null,
    lifecycle?.status === 'ended' ? lifecycle.reason : null,
    projection.model,
    projection.cwd,
  ])
  const id = rows[0]?.id
  if (id === undefined) throw new Error('the conversation was neither made nor met')
  return id
}

async function record(projection: Projection, conversationId: string, run: Run): Promise<Facts> {
  const { message, toolUses } = projection
  if (!message && toolUses.length === 0) return NOTHING
  const { rows } = await run<{
    message_id: string | null
    messages: number
    tool_uses: Facts['toolUses']
    tool_use_ids: string[] | null
    new_tool_uses: number
    failures: number
  }>('posthorn_record_facts', recordFactsSql, [
    conversationId,
    projection.appId,
    projection.eventId,
    projection.place,
    projection.occurredAt,
    projection.agentId,
    projection.agentType,
    message ? uuidv7() : null,
    message?.role ?? null,
    message?.text ?? null,
    JSON.stringify(toolUses.map(factRow)),
  ])
  const row = rows[0]
  return {
    messageId: row?.message_id ?? null,
    messages: row?.messages ?? 0,
    toolUses: row?.tool_uses ?? [],
    // An event about many tools, such as the end of a batch, is the event of none of them.
    toolUseId: toolUses.length === 1 ? (row?.tool_use_ids?.[0] ?? null) : null,
    newToolUses: row?.new_tool_uses ?? 0,
    failures: row?.failures ?? 0,
  }
}

function factRow({ outcome, ...fact }: ToolUseFact) {
  return {
    id: uuidv7(),
    tool_use_id: fact.toolUseId,
    tool_name: fact.toolName,
    input: fact.input,
    input_rank: String(fact.inputRank),
    started_at: fact.startedAt,
    status: outcome?.status ?? null,
    response: outcome?.response ?? null,
    error: outcome?.error ?? null,
    interrupted: outcome?.interrupted ?? false,
    duration_ms: outcome?.durationMs ?? null,
    outcome_rank: outcome ? String(outcome.rank) : null,
  }
}

/** What the live stream tells of it: ids and a few words. */
function announced(projection: Projection, conversationId: string, facts: Facts) {
  const shared = {
    conversationId: formatId('conv', conversationId),
    eventId: formatId('evt', projection.eventId),
  }
  const { message } = projection
  const said =
    message && facts.messages > 0 && facts.messageId
      ? [
          {
            type: 'message',
            data: {
              id: formatId('msg', facts.messageId),
              ...shared,
              role: message.role,
              preview: message.text.slice(0, PREVIEW_LENGTH).toWellFormed(),
            },
          },
        ]
      : []
  const used = facts.toolUses.map(({ id, toolName, status }) => ({
    type: 'tool_use',
    data: { id: formatId('tu', id), ...shared, toolName, status },
  }))
  return [...said, ...used]
}
