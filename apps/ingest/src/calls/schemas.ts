import { FAILURE_CLASSES } from '@posthorn/core'
import { z } from 'zod'
import { attemptSchema } from '../deliveries/schemas.ts'

const time = z.string().describe('ISO 8601')

/** How a call on record ended. */
export const CALL_OUTCOMES = ['ok', 'fallback', 'queued', 'failed', 'abandoned'] as const

/** The path of a capability. */
export const capabilityParams = z.object({ appId: z.string(), capability: z.string() })

/** The answer to a call. */
export const callResultSchema = z
  .object({
    callId: z.string().describe('`call_…`'),
    requestId: z.string(),
    outcome: z
      .enum(['ok', 'fallback', 'queued'])
      .describe('`ok`: of the app; `fallback`: in its place; `queued`: the capability is asynchronous'),
    source: z.string().describe('`app`, `cache`, `queue`, or the fallback that answered'),
    data: z.unknown().describe('the answer; for `queued`, `{ deliveryId }`'),
    reason: z.string().optional().describe('why there is no answer of the app'),
    message: z.string().optional().describe('the same in a sentence'),
    ageMs: z.number().optional().describe('how old an answer that was kept is'),
    durationMs: z.number(),
    attempts: z.int().describe('requests made'),
  })
  .meta({ id: 'CallResult' })

/** A call on record. */
export const callSchema = z
  .object({
    id: z.string().describe('`call_…`'),
    appId: z.string(),
    endpointId: z.string().nullable(),
    capability: z.string(),
    requestId: z.string(),
    outcome: z
      .enum(CALL_OUTCOMES)
      .describe('`failed`: an error, since there is no fallback; `abandoned`: the caller went away'),
    source: z.string().nullable(),
    fallback: z.string().nullable().describe('the strategy that was asked'),
    reason: z.string().nullable(),
    message: z.string().nullable(),
    ageMs: z.number().nullable(),
    startedAt: time,
    durationMs: z.number(),
    attemptCount: z.int(),
    audit: z.record(z.string(), z.unknown()).nullable().describe("what a fallback's answer is checked with"),
  })
  .meta({ id: 'CallRecord' })

/** What can be wrong with a request of a call; `app_error`: the app says itself that it failed. */
export const CALL_FAILURES = [...FAILURE_CLASSES, 'app_error'] as const

/** One HTTP request of a call. */
export const callAttemptSchema = attemptSchema
  .extend({ failure: z.enum(CALL_FAILURES).nullable() })
  .meta({ id: 'CallAttempt' })

/** A call with every request made for it. */
export const callDetailSchema = callSchema
  .extend({ attempts: z.array(callAttemptSchema) })
  .meta({ id: 'CallDetail' })
