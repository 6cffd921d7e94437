import { z } from 'zod'
import { text } from '../http/fields.ts'

const time = z.string().describe('ISO 8601')

/** `expired` is not decided: it is what time makes of `pending`. */
export const APPROVAL_STATUSES = ['pending', 'approved', 'rejected', 'expired'] as const

/** A call that waits for a person, or waited. */
export const approvalSchema = z
  .object({
    id: z.string().describe('`apr_…`'),
    callId: z.string().describe('`call_…`'),
    appId: z.string().describe('`app_…`'),
    capability: z.string(),
    status: z.enum(APPROVAL_STATUSES),
    context: z.record(z.string(), z.unknown()),
    createdAt: time,
    expiresAt: time.describe('nobody can decide it from then on'),
    decidedAt: time.nullable(),
    decidedBy: z.string().nullable(),
    note: z.string().nullable(),
    eventId: z
      .string()
      .nullable()
      .describe('`evt_…`: the event that tells the app of the decision, or that there was none'),
  })
  .meta({ id: 'Approval' })

/** An approval with what is to be decided. */
export const approvalDetailSchema = approvalSchema
  .extend({ payload: z.unknown().describe('of the call, character for character') })
  .meta({ id: 'ApprovalDetail' })

/** A decision; which one it is stands in the path. */
export const decisionSchema = z
  .strictObject({ note: text(2_000).exactOptional().describe('the app is told') })
  .nullish()
