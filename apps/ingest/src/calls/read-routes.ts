import { formatId, NotFoundError } from '@posthorn/core'
import type { CallRepository, StoredCall, StoredCallAttempt } from '@posthorn/db'
import { z } from 'zod'
import { appParams } from '../apps/schemas.ts'
import { callerOf } from '../auth/hook.ts'
import { defined, idParams, pageOf, pageQuery, text, uuidOf } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import {
  CALL_FAILURES,
  CALL_OUTCOMES,
  type callAttemptSchema,
  callDetailSchema,
  callSchema,
} from './schemas.ts'

const tags = ['calls']

const callQuery = z.strictObject({
  capability: text(64).optional(),
  outcome: z.enum(CALL_OUTCOMES, `must be one of ${CALL_OUTCOMES.join(', ')}`).optional(),
  ...pageQuery,
})

/** Calls on record: written a moment after they were answered. */
export function registerCallReading(app: ZodApp, calls: CallRepository): void {
  app.get(
    '/apps/:appId/calls',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List the calls of an app',
        description: 'Newest first. A call is on record within a second of its answer.',
        tags,
        params: appParams,
        querystring: callQuery,
        response: { 200: pageOf(callSchema) },
      },
    },
    async (request) => {
      const { capability, outcome, ...page } = request.query
      const found = await calls.list(callerOf(request).appId, { capability, outcome }, defined(page))
      return { ...found, data: found.data.map(callView) }
    },
  )

  app.get(
    '/calls/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'A call with the requests made for it',
        tags,
        params: idParams,
        response: { 200: callDetailSchema },
      },
    },
    async (request) => {
      const id = uuidOf('call', 'call', request.params.id)
      const found = await calls.get(callerOf(request).onlyAppId, id)
      if (!found) throw new NotFoundError('There is no such call.')
      return { ...callView(found.call), attempts: found.attempts.map(attemptView) }
    },
  )
}

function callView({ attempts, ...call }: StoredCall): z.input<typeof callSchema> {
  return {
    ...call,
    id: formatId('call', call.id),
    appId: formatId('app', call.appId),
    endpointId: call.endpointId && formatId('ep', call.endpointId),
    startedAt: call.startedAt.toISOString(),
    attemptCount: attempts,
  }
}

function attemptView(attempt: StoredCallAttempt): z.input<typeof callAttemptSchema> {
  return {
    id: formatId('att', attempt.id),
    number: attempt.number,
    startedAt: attempt.startedAt.toISOString(),
    durationMs: attempt.durationMs,
    success: attempt.success,
    statusCode: attempt.statusCode,
    failure: CALL_FAILURES.find((failure) => failure === attempt.failure) ?? null,
    errorCode: attempt.errorCode,
    errorMessage: attempt.errorMessage,
    timing: attempt.timing,
    responseHeaders: attempt.responseHeaders,
    responseBody: attempt.responseBody,
    responseTruncated: attempt.responseTruncated,
  }
}
