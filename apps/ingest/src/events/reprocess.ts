import type { Capture } from '@posthorn/conversations'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { captureAnswer, captureAnswerSchema, invalidEvent } from '../hooks/answer.ts'
import { defined, idParams, idText, moment, noBody, pathId, text } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { ProblemError } from '../problems/problem.ts'

const tags = ['events']

const REPROCESSABLE = ['FAILED', 'ERROR', 'INVALID'] as const

const reprocessBody = z.strictObject({
  status: z.enum(REPROCESSABLE, `must be one of ${REPROCESSABLE.join(', ')}`).exactOptional(),
  type: text(200).exactOptional(),
  sessionId: text(200).exactOptional(),
  since: moment.transform((value) => new Date(value)).exactOptional(),
  after: idText('evt').exactOptional().describe('`next` of an earlier answer'),
})

const reportSchema = z.object({
  queued: z.int().describe('are processed again by a worker'),
  invalid: z.int().describe('are as invalid as they were'),
  duplicates: z.int().describe('turned out to be copies of events that are there'),
  mismatched: z.int().describe('left alone: their request id belongs to another event by now'),
  next: z.string().nullable().describe('there are more: ask again with this as `after`'),
})

/** Captured events that could not be processed, once more. */
export function registerReprocessing(
  app: ZodApp,
  options: {
    readonly capture: Pick<Capture, 'reprocess' | 'reprocessMany'>
    readonly showStacks: boolean
    readonly changed: () => void
  },
): void {
  const { capture, showStacks, changed } = options

  app.post(
    '/events/:id/reprocess',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Process a captured event again',
        description: 'One that is FAILED, ERROR or INVALID; 409 for any other.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: captureAnswerSchema, 202: captureAnswerSchema },
      },
    },
    async (request, reply) => {
      const id = pathId('evt', 'event', request.params.id)
      const result = await capture.reprocess(callerOf(request).appId, id)
      changed()
      if (result.status === 'INVALID') throw new ProblemError(invalidEvent(result))
      const { status, body } = captureAnswer(result, showStacks)
      return reply.code(status).send(body)
    },
  )

  app.post(
    '/events/reprocess',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Process many captured events again',
        description:
          'Those that are FAILED, ERROR or INVALID and fit the filter, oldest first, a bounded number at a time. Workers ' +
          'process them; the answer says how many that are.',
        tags,
        body: reprocessBody,
        response: { 202: reportSchema },
      },
    },
    async (request, reply) => {
      const report = await capture.reprocessMany(callerOf(request).appId, defined(request.body))
      changed()
      return reply.code(202).send(report)
    },
  )
}
