import { z } from 'zod'

/** A name that becomes part of an index: bounded, and such that PostgreSQL can keep it. */
const name = z
  .string('must be a string')
  .max(200, 'must be at most 200 characters long')
  .refine((text) => !text.includes('\0'), 'must not contain NUL')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .nullish()
const text = z.string('must be a string').nullish()
const durationMs = z.number('must be a number').min(0, 'must not be negative').nullish()

const tool = { tool_name: name, tool_use_id: name }
const common = { cwd: text, agent_id: name, agent_type: name }
const fields = <Shape extends z.ZodRawShape>(shape: Shape) => z.looseObject({ ...common, ...shape })

/**
 * What the projection reads of each kind of event. All of it is optional and everything else passes through, kinds that
 * are not named here too: the list of events and of their fields grows each month. Only a field of another type is a
 * mistake.
 */
const SCHEMAS = {
  SessionStart: fields({ model: text }),
  UserPromptSubmit: fields({ prompt: text }),
  PreToolUse: fields(tool),
  PostToolUse: fields({ ...tool, duration_ms: durationMs }),
  PostToolUseFailure: fields({
    ...tool,
    error: text,
    is_interrupt: z.boolean('must be true or false').nullish(),
    duration_ms: durationMs,
  }),
  PermissionDenied: fields({ ...tool, reason: text }),
  PostToolBatch: fields({
    tool_calls: z.array(z.looseObject(tool, 'must be an object'), 'must be a list').nullish(),
  }),
  Stop: fields({ last_assistant_message: text }),
  StopFailure: fields({ last_assistant_message: text }),
  SubagentStop: fields({ last_assistant_message: text }),
  PostModelSwitch: fields({ to_model: text }),
  SessionEnd: fields({ reason: text }),
}
const ANY = fields({})

/** Kinds of events of which the projection reads more than what all have in common. */
export type ProjectedKind = keyof typeof SCHEMAS
/** The fields of an event that its schema has accepted. */
export type FieldsOf<Kind extends ProjectedKind> = z.output<(typeof SCHEMAS)[Kind]>
/** The fields that any event may have. */
export type CommonFields = z.output<typeof ANY>

/** The schema of a kind of event. */
export const schemaOf = (kind: string): z.ZodType<Record<string, unknown>> =>
  Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind as ProjectedKind] : ANY

/** What is the same for every event, whatever its kind. */
export const envelopeSchema = z.object({
  hook_event_name: z
    .string('must be a string')
    .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 letters, digits, _ or -'),
  session_id: name,
  request_id: z
    .string('must be a string')
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')
    .nullish(),
})
