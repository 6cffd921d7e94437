import type { CaptureResult } from '@posthorn/conversations'
import { z } from 'zod'
import { EVENT_STATUSES } from '../events/statuses.ts'
import { invalid } from '../problems/catalogue.ts'
import type { Problem } from '../problems/problem.ts'

/** What became of a captured event. */
export const captureAnswerSchema = z
  .object({
    success: z.boolean().describe('false: it is kept, and cannot be processed'),
    requestId: z.string(),
    webhookEventId: z.string().describe('`evt_…`'),
    status: z.enum(EVENT_STATUSES),
    duplicate: z.boolean().describe('this id came before: this is what became of the first'),
    data: z.object({
      conversationId: z
        .string()
        .nullable()
        .describe('`conv_…`; null: the event belongs to no session, or is not processed yet'),
      messageId: z.string().optional().describe('`msg_…`'),
      toolUseId: z.string().optional().describe('`tu_…`'),
    }),
    error: z
      .object({ code: z.string(), message: z.string(), stack: z.string().optional() })
      .optional()
      .describe('what went wrong the last time; the stack only outside of production'),
  })
  .meta({ id: 'CaptureAnswer' })

/** An answer with its status. */
export interface CaptureAnswer {
  readonly status: 200 | 202
  readonly body: z.input<typeof captureAnswerSchema>
}

/** Statuses of events that are stored and whose result is still to come. */
const WAITING: ReadonlySet<string> = new Set(['PENDING', 'PROCESSING', 'PENDING_RETRY'])

/** The answer for an event that is stored: 200 once it has a result, 202 before. */
export function captureAnswer(result: CaptureResult, showStacks: boolean): CaptureAnswer {
  const { requestId, eventId, status, duplicate, conversationId, messageId, toolUseId, error } = result
  return {
    status: WAITING.has(status) ? 202 : 200,
    body: {
      success: status !== 'FAILED' && status !== 'ERROR',
      requestId,
      webhookEventId: eventId,
      status,
      duplicate,
      data: {
        conversationId,
        ...(messageId !== null && { messageId }),
        ...(toolUseId !== null && { toolUseId }),
      },
      ...(error && {
        error: {
          code: error.code,
          message: error.message,
          ...(showStacks && error.stack !== null && { stack: error.stack }),
        },
      }),
    },
  }
}

/** The problem of an event that is kept as INVALID: sent again it would be no better. */
export function invalidEvent({ eventId, issues }: CaptureResult): Problem {
  return {
    ...invalid(issues),
    detail: `It is kept as ${eventId}.`,
  }
}
