import type { MessageRole, ToolUseStatus } from '../schema/index.ts'

/** What one captured event says about a conversation. Everything in it can be kept by PostgreSQL: no NUL, no half characters. */
export interface Projection {
  readonly eventId: string
  readonly appId: string
  readonly sessionId: string
  readonly occurredAt: Date
  /** where it stands in its conversation, see {@link placeOf} */
  readonly place: string
  /** first line of a prompt; the earliest becomes the title */
  readonly title: string | null
  /** it begins, resumes or ends the session */
  readonly lifecycle:
    | { readonly status: 'active' }
    | { readonly status: 'ended'; readonly reason: string }
    | null
  readonly model: string | null
  readonly cwd: string | null
  /** the subagent in which it happened */
  readonly agentId: string | null
  readonly agentType: string | null
  readonly message: { readonly role: MessageRole; readonly text: string } | null
  readonly toolUses: readonly ToolUseFact[]
}

/** What one event says of one use of a tool. Where several speak of the same thing, the highest rank is believed. */
export interface ToolUseFact {
  /** the tool's own id; null: nothing joins it with other events, at most one for an event */
  readonly toolUseId: string | null
  readonly toolName: string
  /** JSON text */
  readonly input: string | null
  /** 0 to 9: how well this event knows name and input */
  readonly inputRank: number
  readonly startedAt: Date
  readonly outcome: ToolOutcome | null
}

/** How a use of a tool ended. */
export interface ToolOutcome {
  readonly status: Exclude<ToolUseStatus, 'running'>
  /** JSON text */
  readonly response: string | null
  readonly error: string | null
  readonly interrupted: boolean
  readonly durationMs: number | null
  /** 0 to 9: how well this event knows it */
  readonly rank: number
}

/**
 * The place of an event in its conversation: time first, then the request id. Places compare byte by byte; the time has a
 * fixed width, so that they are in the order of time.
 */
export function placeOf(occurredAt: Date, requestId: string): string {
  return `${occurredAt.toISOString()} ${requestId}`
}
