import { z } from 'zod'

const MAX_ATTEMPTS = 1_000
const MAX_METADATA_BYTES = 16_384
const YEAR_MS = 366 * 86_400_000

/** Text that PostgreSQL can keep: no NUL, no half of a surrogate pair. */
export const storableText = (max: number) =>
  z
    .string('must be a string')
    .min(1, 'must not be empty')
    .max(max, `must be at most ${max} characters long`)
    .refine((text) => !text.includes('\0'), 'must not contain NUL')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')

const eventType = storableText(200).regex(
  /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/,
  'must be words of letters, digits, _ and - joined by dots, such as order.created',
)

/** What a caller calls its event; it becomes a header, so it must be printable ASCII. */
export const requestIdText = z
  .string('must be a string')
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters')

const metadata = z
  .record(z.string(), z.json(), 'must be an object')
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES,
    `must be at most ${MAX_METADATA_BYTES} bytes as JSON`,
  )
  .refine((value) => storableJson(JSON.stringify(value)), 'must not contain NUL or broken Unicode')

// In JSON text both show as escapes: \u0000 and a lone \udXXX (JSON.stringify escapes only lone surrogates).
function storableJson(text: string): boolean {
  return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i.test(text)
}

const scheduledAt = z
  .union([z.date(), z.iso.datetime({ offset: true })], 'must be a Date or an ISO 8601 time with a zone')
  .transform((value) => new Date(value))
  .refine(
    (value) => value.getTime() < Date.now() + YEAR_MS && value.getTime() > 0,
    'must lie within the coming year',
  )

const shared = {
  payload: z.unknown(),
  headers: z.record(z.string(), z.string('must be a string'), 'must be an object of strings').optional(),
  metadata: metadata.optional(),
  maxAttempts: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(MAX_ATTEMPTS, `must be at most ${MAX_ATTEMPTS}`)
    .optional(),
  scheduledAt: scheduledAt.optional(),
  orderingKey: storableText(200).optional(),
}

/** `publish`, and the envelope of the events API. */
export const publishSchema = z.strictObject({
  type: eventType,
  requestId: requestIdText.optional(),
  sessionId: storableText(200).optional(),
  ...shared,
})

/** `enqueue`. */
export const enqueueSchema = z
  .strictObject({
    url: z.string('must be a string').optional(),
    endpointId: z.string('must be a string').optional(),
    type: eventType.default('message'),
    idempotencyKey: requestIdText.optional(),
    ...shared,
  })
  .superRefine(({ url, endpointId }, context) => {
    if (url === undefined && endpointId === undefined)
      context.addIssue({ code: 'custom', path: ['url'], message: 'is missing: give a URL, or an endpointId' })
    if (url !== undefined && endpointId !== undefined)
      context.addIssue({ code: 'custom', path: ['endpointId'], message: 'must not be given beside a url' })
  })

/** A filter of an endpoint: a type, a prefix with `.*`, or `*`. */
export const eventTypeFilter = z
  .string('must be a string')
  .max(200, 'must be at most 200 characters long')
  .regex(
    /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/,
    'must be an event type, a prefix such as order.*, or *',
  )
