import type { PosthornError, Result } from '@posthorn/core'
import type { Accepted, PublishInput } from '@posthorn/engine'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { bodyBytes, NDJSON, takeNdjson } from '../http/body.ts'
import { bodyIsRead } from '../http/schemas.ts'
import { invalid } from '../problems/catalogue.ts'
import { problemOf } from '../problems/from-error.ts'
import { type Problem, ProblemError, problemDocument, problemSchema } from '../problems/problem.ts'
import { acceptedJson } from './answer.ts'
import { type BatchItem, itemsOfArray, itemsOfLines, MAX_BATCH_ITEMS } from './batch-items.ts'
import { publishContext } from './context.ts'
import { acceptedSchema, envelopeSchema } from './envelope-schema.ts'
import type { EventMetrics } from './event-metrics.ts'

/** How many times the size of one event a batch may have. */
const SIZE_FACTOR = 10

type Outcome = { readonly accepted: Accepted } | { readonly problem: Problem }

const batchAnswerSchema = z
  .object({
    accepted: z.int().describe('events taken now'),
    duplicates: z.int().describe('events that were taken before, under the same id'),
    rejected: z.int().describe('events that were not taken'),
    results: z
      .array(z.union([acceptedSchema.extend({ index: z.int() }), problemSchema.extend({ index: z.int() })]))
      .describe('one entry for each event, in their order: its answer, or what is wrong with it'),
  })
  .meta({ id: 'BatchAnswer' })

/** `POST /events/batch`: many events at once, each with an answer of its own. A plugin, since only it takes NDJSON. */
export async function batchRoutes(
  app: FastifyInstance,
  options: { bodyLimit: number; metrics: EventMetrics },
): Promise<void> {
  takeNdjson(app)
  app.post(
    '/events/batch',
    {
      config: { access: 'publish', rawBody: true },
      bodyLimit: options.bodyLimit * SIZE_FACTOR,
      ...bodyIsRead,
      schema: {
        summary: 'Publish many events',
        description:
          'A JSON array, or one event a line as `application/x-ndjson`. Events are taken one by one: a bad one gets its own ' +
          'error and hides no good one. Where none could be written because the database does not take them, the answer is 503.',
        tags: ['events'],
        consumes: ['application/json', NDJSON],
        body: z.array(envelopeSchema).min(1).max(MAX_BATCH_ITEMS),
        response: { 200: batchAnswerSchema },
      },
    },
    async (request, reply) => {
      if (request.headers['idempotency-key'] !== undefined) {
        throw new ProblemError(
          invalid([{ path: 'idempotency-key', message: 'names one event; give each its own requestId' }]),
        )
      }
      const read = request.headers['content-type']?.startsWith(NDJSON) ? itemsOfLines : itemsOfArray
      const items = read(bodyBytes(request), options.bodyLimit)
      const outcomes = await publishItems(items, (events) =>
        callerOf(request).scope.publishMany(events, { context: publishContext(request) }),
      )
      options.metrics.countBatch(outcomes.map(kindOf))
      throwIfNoneCouldBeWritten(outcomes)
      reply.header('content-type', 'application/json; charset=utf-8')
      return answerJson(outcomes, request.id)
    },
  )
}

async function publishItems(
  items: readonly BatchItem[],
  publishMany: (events: PublishInput[]) => Promise<Result<Accepted, PosthornError>[]>,
): Promise<Outcome[]> {
  const good = items.flatMap((item) => ('event' in item ? [item.event] : []))
  const results = (good.length > 0 ? await publishMany(good) : []).values()
  return items.map((item): Outcome => {
    if ('problem' in item) return item
    const result = results.next().value
    if (!result) throw new Error('the engine answered fewer events than it was given')
    return result.ok ? { accepted: result.value } : { problem: problemOf(result.error) }
  })
}

/** A 2xx says that something is on disk. */
function throwIfNoneCouldBeWritten(outcomes: readonly Outcome[]): void {
  if (outcomes.some((outcome) => 'accepted' in outcome)) return
  const unavailable = outcomes.find((outcome) => 'problem' in outcome && outcome.problem.status === 503)
  if (unavailable && 'problem' in unavailable) throw new ProblemError(unavailable.problem)
}

function answerJson(outcomes: readonly Outcome[], requestId: string): string {
  const kinds = outcomes.map(kindOf)
  const count = (kind: ReturnType<typeof kindOf>) => kinds.filter((other) => other === kind).length
  const results = outcomes.map((outcome, index) => {
    const json =
      'accepted' in outcome
        ? acceptedJson(outcome.accepted)
        : JSON.stringify(problemDocument(outcome.problem, requestId))
    return `{"index":${index},${json.slice(1)}`
  })
  return (
    `{"accepted":${count('accepted')},"duplicates":${count('duplicate')},"rejected":${count('rejected')},` +
    `"results":[${results.join(',')}]}`
  )
}

function kindOf(outcome: Outcome) {
  if ('problem' in outcome) return 'rejected'
  return outcome.accepted.duplicate ? 'duplicate' : 'accepted'
}
