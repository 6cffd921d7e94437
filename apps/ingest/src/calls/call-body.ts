import { z } from 'zod'
import { duplicates } from '../events/envelope.ts'
import { membersOf, skipSpace } from '../events/spans.ts'
import { unstorable } from '../events/storable.ts'
import type { JsonText } from '../http/json-text.ts'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { issuesOf } from '../problems/zod-issues.ts'

const MAX_CONTEXT_BYTES = 8_192
/** As long as what notifications may be asked for by. */
const MAX_ROOM_LENGTH = 500

/** What a call is told. The payload itself is sliced out of the bytes and is not looked at here. */
export const callBodySchema = z
  .strictObject({
    payload: z.unknown().describe('any JSON value; the app gets it byte for byte as it stands here'),
    context: z
      .record(z.string(), z.unknown())
      .refine(isShort, `must be at most ${MAX_CONTEXT_BYTES} bytes as JSON`)
      .superRefine(({ roomId }, issues) => {
        const isRoom = typeof roomId === 'string' && roomId !== '' && roomId.length <= MAX_ROOM_LENGTH
        if (roomId === undefined || roomId === null || isRoom) return
        const message = `must be text of 1 to ${MAX_ROOM_LENGTH} characters`
        issues.addIssue({ code: 'custom', path: ['roomId'], message })
      })
      .exactOptional()
      .describe(
        'what is to be found again in approvals and notifications, such as `roomId`; never sent to the app',
      ),
  })
  .meta({ id: 'Call' })

function isShort(context: object): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(context)) <= MAX_CONTEXT_BYTES
  } catch {
    // Nested so deeply that it ends the stack, which is told of by itself.
    return true
  }
}

export interface CallBody {
  readonly payload: unknown
  /** JSON text as it came */
  readonly payloadText: string
  readonly context: Readonly<Record<string, unknown>>
}

/** @throws ProblemError 422 with every mistake at once */
export function readCallBody({ text, value }: JsonText): CallBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProblemError(invalid([{ path: '', message: 'must be an object' }]))
  const members = membersOf(text, skipSpace(text, 0))
  const payload = members.find(({ name }) => name === 'payload')
  const parsed = callBodySchema.safeParse(value, { reportInput: true })
  const { context, payload: parsedPayload } = value as { context?: unknown; payload?: unknown }
  const issues = [
    ...(parsed.error ? issuesOf(parsed.error) : []),
    ...(payload ? [] : [{ path: 'payload', message: 'is missing', expected: 'any JSON value' }]),
    ...duplicates(members),
    ...(context === undefined ? [] : unstorable(context, 'context')),
  ]
  if (!parsed.success || !payload || issues.length > 0) throw new ProblemError(invalid(issues))
  return {
    payload: parsedPayload,
    payloadText: text.slice(payload.start, payload.end),
    context: parsed.data.context ?? {},
  }
}
