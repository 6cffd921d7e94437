import { z } from 'zod'
import { moment, text, whole } from '../http/fields.ts'

/** The form of an event's type. */
const eventType = text(200).regex(
  /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/,
  'must be words of letters, digits, _ and - joined by dots, such as order.created',
)

/** A name that a sender gives an event. It is sent on as a header. */
export const requestIdText = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')

/**
 * One event as it is sent: the envelope around the payload. The payload itself is sliced out of the bytes and is not
 * looked at here.
 */
export const envelopeSchema = z
  .strictObject({
    type: eventType.describe('dotted words, such as `order.created`; chooses the endpoints'),
    payload: z.unknown().describe('any JSON value; delivered byte for byte as it stands here'),
    requestId: requestIdText
      .exactOptional()
      .describe('names the event; the same as the header `idempotency-key`'),
    sessionId: text(200).exactOptional(),
    headers: z.record(z.string(), z.string()).exactOptional().describe('extra headers of its deliveries'),
    metadata: z
      .record(z.string(), z.unknown())
      .exactOptional()
      .describe('kept with the event, shown with it'),
    maxAttempts: whole(1, 1_000)
      .exactOptional()
      .describe('tries, the first included; overrides the endpoint'),
    scheduledAt: moment.exactOptional().describe('time of the first try; at once without it'),
    orderingKey: text(200).exactOptional().describe('deliveries of one key go out one after the other'),
  })
  .meta({ id: 'Event' })

/** What became of an event that was taken. */
export const acceptedSchema = z
  .object({
    id: z.string().describe('`evt_…`'),
    requestId: z.string(),
    status: z.literal('accepted'),
    duplicate: z.boolean().describe('this id was used before, for the same event: this is what it made then'),
    deliveries: z.int().describe('to how many endpoints it is owed'),
  })
  .meta({ id: 'Accepted' })
