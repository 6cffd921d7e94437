import type { Delegator } from '@posthorn/delegator'
import { callerOf } from '../auth/hook.ts'
import { bodyBytes } from '../http/body.ts'
import { goneSignal } from '../http/caller-gone.ts'
import { readJson } from '../http/json-text.ts'
import { bodyIsRead } from '../http/schemas.ts'
import { signableId } from '../http/signable-id.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { callBodySchema, readCallBody } from './call-body.ts'
import { asCallProblem } from './call-problem.ts'
import { callResultSchema, capabilityParams } from './schemas.ts'

/** `POST /apps/:appId/capabilities/:capability/call`: asks an app while somebody waits. */
export function registerCall(
  app: ZodApp,
  { delegator, bodyLimit }: { readonly delegator: Delegator; readonly bodyLimit: number },
): void {
  app.post(
    '/apps/:appId/capabilities/:capability/call',
    {
      config: { access: 'call', platform: true, rawBody: true },
      bodyLimit,
      ...bodyIsRead,
      schema: {
        summary: 'Call a capability',
        description:
          "Answers within the capability's timeout + 500 ms: with the app's answer, or with what its fallback says, 200 " +
          'each time. Only a capability with the fallback `none` has errors: 504 `timeout`, 502 `call_failed`, 503 ' +
          '`circuit_open`. The app is told `x-request-id` and `traceparent`; a caller that goes away ends the call. For a ' +
          'key of the platform.',
        tags: ['calls'],
        params: capabilityParams,
        body: callBodySchema,
        response: { 200: callResultSchema },
      },
    },
    async (request, reply) => {
      const { capability } = request.params as { capability: string }
      const { payload, payloadText, context } = readCallBody(readJson(bodyBytes(request)))
      const { traceparent } = request.headers
      const options = {
        payloadText,
        context,
        requestId: signableId(request),
        signal: goneSignal(reply),
        waitedMs: callerOf(request).waitedMs,
        ...(typeof traceparent === 'string' && { traceparent }),
      }
      try {
        return await delegator.call(callerOf(request).appId, capability, payload, options)
      } catch (error) {
        throw asCallProblem(error)
      }
    },
  )
}
