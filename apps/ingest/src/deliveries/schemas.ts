import { FAILURE_CLASSES } from '@posthorn/core'
import { DEAD_LETTER_REASONS, DELIVERY_STATUSES } from '@posthorn/db'
import { z } from 'zod'

const time = z.string().describe('ISO 8601')

/** One HTTP request that was made. */
export const attemptSchema = z
  .object({
    id: z.string(),
    number: z.int(),
    startedAt: time,
    durationMs: z.number(),
    success: z.boolean(),
    statusCode: z.int().nullable(),
    failure: z.enum(FAILURE_CLASSES).nullable(),
    errorCode: z.string().nullable(),
    errorMessage: z.string().nullable(),
    timing: z.record(z.string(), z.number()).nullable(),
    responseHeaders: z.record(z.string(), z.string()).nullable(),
    responseBody: z.string().nullable(),
    responseTruncated: z.boolean(),
  })
  .meta({ id: 'Attempt' })

/** One event owed to one endpoint. */
export const deliverySchema = z
  .object({
    id: z.string().describe('`dlv_…`'),
    eventId: z.string(),
    endpointId: z.string(),
    status: z.enum(DELIVERY_STATUSES),
    attemptCount: z.int(),
    maxAttempts: z.int(),
    nextAttemptAt: time.nullable(),
    scheduledAt: time.nullable(),
    expiresAt: time,
    orderingKey: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    createdAt: time,
    deliveredAt: time.nullable(),
    failedAt: time.nullable(),
    lastFailure: z.string().nullable(),
    lastError: z.string().nullable(),
    cancelRequested: z.boolean(),
  })
  .meta({ id: 'Delivery' })

const deadLetterSchema = z.object({
  id: z.string(),
  reason: z.enum(DEAD_LETTER_REASONS),
  failedAt: time,
  attempts: z.int(),
  error: z.string().nullable(),
  requeuedAt: time.nullable(),
  discardedAt: time.nullable(),
})

/** A delivery with every request made for it. */
export const deliveryDetailSchema = deliverySchema
  .extend({ attempts: z.array(attemptSchema), deadLetter: deadLetterSchema.nullable() })
  .meta({ id: 'DeliveryDetail' })
