import { formatId } from '@posthorn/core'
import { type CapturedEvent, type Projection, placeOf } from '@posthorn/db'
import type { HookEvent } from './hook-event.ts'
import type { CommonFields, FieldsOf, ProjectedKind } from './hook-schemas.ts'
import { cut, firstLine, storable } from './text.ts'
import { toolUsesOf } from './tool-uses.ts'

const TITLE_LENGTH = 200
const NAME_LENGTH = 1_000

/** What an event is called and when it happened. */
export type EventIdentity = Pick<CapturedEvent, 'id' | 'appId' | 'requestId' | 'occurredAt'>

type Said = Pick<Projection, 'title' | 'lifecycle' | 'model' | 'message'>

/**
 * What an event says about a conversation: a pure function of the event alone. Nothing it answers depends on what came
 * before, so events may be projected in any order.
 *
 * @returns null for an event without a session: it stays on the timeline of its app
 */
export function projectEvent(identity: EventIdentity, event: HookEvent): Projection | null {
  if (event.sessionId === null) return null
  const { occurredAt } = identity
  const { cwd, agent_id, agent_type } = event.fields as CommonFields
  return {
    eventId: identity.id,
    appId: identity.appId,
    sessionId: event.sessionId,
    occurredAt,
    place: placeOf(occurredAt, identity.requestId ?? formatId('req', identity.id)),
    title: null,
    lifecycle: null,
    model: null,
    message: null,
    ...(Object.hasOwn(SAYS, event.kind) && SAYS[event.kind as ProjectedKind]?.(event.fields)),
    cwd: named(cwd),
    agentId: named(agent_id),
    agentType: named(agent_type),
    toolUses: toolUsesOf(event, occurredAt),
  }
}

const SAYS: { readonly [K in ProjectedKind]?: (fields: HookEvent['fields']) => Partial<Said> } = {
  SessionStart: (fields) => {
    const { model } = fields as FieldsOf<'SessionStart'>
    return { lifecycle: { status: 'active' }, model: named(model) }
  },
  UserPromptSubmit: (fields) => {
    const { prompt, agent_id } = fields as FieldsOf<'UserPromptSubmit'>
    const line = agent_id || !prompt ? null : firstLine(prompt)
    return {
      lifecycle: agent_id ? null : { status: 'active' },
      title: line && cut(storable(line), TITLE_LENGTH),
      message: prompt ? { role: 'user', text: storable(prompt) } : null,
    }
  },
  Stop: (fields) => answer(fields as FieldsOf<'Stop'>),
  StopFailure: (fields) => answer(fields as FieldsOf<'StopFailure'>),
  SubagentStop: (fields) => answer(fields as FieldsOf<'SubagentStop'>),
  PostModelSwitch: (fields) => ({ model: named((fields as FieldsOf<'PostModelSwitch'>).to_model) }),
  SessionEnd: (fields) => {
    const { reason } = fields as FieldsOf<'SessionEnd'>
    return { lifecycle: { status: 'ended', reason: named(reason) ?? 'other' } }
  },
}

function answer({ last_assistant_message: said }: FieldsOf<'Stop'>): Partial<Said> {
  return { message: said ? { role: 'assistant', text: storable(said) } : null }
}

/** A name or path; an empty one counts as none. */
const named = (text: string | null | undefined): string | null =>
  text ? cut(storable(text), NAME_LENGTH) : null
