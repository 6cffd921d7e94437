import type { ToolOutcome, ToolUseFact } from '@posthorn/db'
import type { HookEvent } from './hook-event.ts'
import type { FieldsOf } from './hook-schemas.ts'
import { storable } from './text.ts'

/**
 * How well the kinds of events know what a tool was asked. The event after it knows best: hooks before it may change what
 * the tool is given. One that tells no input knows nothing.
 */
const INPUT_RANK = { none: 0, batch: 1, before: 2, after: 3 } as const
/** How well they know what came of it. A batch tells of answers only, and tells them again. */
const OUTCOME_RANK = { batch: 1, denied: 2, after: 3 } as const

/** What an event says about uses of tools; nothing for most. */
export function toolUsesOf({ kind, fields }: HookEvent, occurredAt: Date): ToolUseFact[] {
  switch (kind) {
    case 'PreToolUse':
      return one(fields, occurredAt, INPUT_RANK.before, null)
    case 'PostToolUse': {
      const { duration_ms } = fields as FieldsOf<'PostToolUse'>
      return one(fields, occurredAt, INPUT_RANK.after, {
        ...succeeded(fields['tool_response'], OUTCOME_RANK.after),
        durationMs: durationOf(duration_ms),
      })
    }
    case 'PostToolUseFailure': {
      const { error, is_interrupt, duration_ms } = fields as FieldsOf<'PostToolUseFailure'>
      return one(fields, occurredAt, INPUT_RANK.after, {
        status: 'failed',
        response: null,
        error: storable(error ?? ''),
        interrupted: is_interrupt ?? false,
        durationMs: durationOf(duration_ms),
        rank: OUTCOME_RANK.after,
      })
    }
    case 'PermissionDenied': {
      const { reason } = fields as FieldsOf<'PermissionDenied'>
      return one(fields, occurredAt, INPUT_RANK.before, {
        status: 'denied',
        response: null,
        error: storable(reason ?? ''),
        interrupted: false,
        durationMs: null,
        rank: OUTCOME_RANK.denied,
      })
    }
    case 'PostToolBatch':
      return batch(fields as FieldsOf<'PostToolBatch'>, occurredAt)
    default:
      return []
  }
}

interface Call {
  readonly tool_name?: string | null | undefined
  readonly tool_use_id?: string | null | undefined
  readonly tool_input?: unknown
  readonly tool_response?: unknown
}

function one(call: Call, occurredAt: Date, rank: number, outcome: ToolOutcome | null): ToolUseFact[] {
  const { tool_name: toolName, tool_use_id: toolUseId } = call
  // Neither its name nor its id: there is nothing to tell of it.
  if (!toolName && !toolUseId) return []
  const input = jsonText(call.tool_input)
  return [
    {
      toolUseId: toolUseId || null,
      toolName: toolName || 'unknown',
      input,
      inputRank: input === null || !toolName ? INPUT_RANK.none : rank,
      startedAt: new Date(occurredAt.getTime() - Math.min(outcome?.durationMs ?? 0, occurredAt.getTime())),
      outcome,
    },
  ]
}

/** The calls of a batch that have an id; without one nothing tells two calls apart, and each has events of its own. */
function batch({ tool_calls }: FieldsOf<'PostToolBatch'>, occurredAt: Date): ToolUseFact[] {
  const facts = new Map<string, ToolUseFact>()
  for (const call of tool_calls ?? []) {
    if (!call.tool_use_id) continue
    const outcome =
      call['tool_response'] === undefined ? null : succeeded(call['tool_response'], OUTCOME_RANK.batch)
    const [fact] = one(call, occurredAt, INPUT_RANK.batch, outcome)
    if (fact) facts.set(call.tool_use_id, fact)
  }
  return [...facts.values()]
}

const succeeded = (response: unknown, rank: number): ToolOutcome => ({
  status: 'succeeded',
  response: jsonText(response),
  error: null,
  interrupted: false,
  durationMs: null,
  rank,
})

/** Whole microseconds of at most a century: what is smaller or larger has no place in a `real`. */
const durationOf = (ms: number | null | undefined): number | null =>
  ms == null ? null : Math.min(Math.round(ms * 1_000) / 1_000, 3_200_000_000_000)

/**
 * As JSON again, on one line; the bytes themselves are kept with the event. Null also for what is nested too deeply to
 * be written, at some thousands of levels: the rest of what the event says is not lost with it.
 */
function jsonText(value: unknown): string | null {
  if (value === undefined) return null
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}
