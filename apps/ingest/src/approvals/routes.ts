import { NotFoundError } from '@posthorn/core'
import type { Approval } from '@posthorn/db'
import { withPayload } from '@posthorn/engine/approvals'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { publishContext } from '../events/context.ts'
import { defined, idParams, pageOf, pageQuery, text, uuidOf } from '../http/fields.ts'
import { signableId } from '../http/signable-id.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { type DecisionParts, decideApproval } from './decide.ts'
import { APPROVAL_STATUSES, approvalDetailSchema, approvalSchema, decisionSchema } from './schemas.ts'
import { approvalView } from './view.ts'

const tags = ['approvals']
const idOf = (params: { id: string }) => uuidOf('apr', 'approval', params.id)

const approvalQuery = z.strictObject({
  status: z.enum(APPROVAL_STATUSES, `must be one of ${APPROVAL_STATUSES.join(', ')}`).optional(),
  capability: text(64).optional(),
  room: text(500).optional().describe("`roomId` of the call's context"),
  ...pageQuery,
})

const DECISIONS = {
  approve: { decision: 'approved', summary: 'Approve' },
  reject: { decision: 'rejected', summary: 'Reject' },
} as const

/** What persons decide since an app did not answer. A key of the platform that names no app sees those of every app. */
export function registerApprovals(app: ZodApp, parts: DecisionParts): void {
  const { approvals } = parts

  app.get(
    '/approvals',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List approvals',
        description: 'Newest first. Of every app for a key of the platform that names none.',
        tags,
        querystring: approvalQuery,
        response: { 200: pageOf(approvalSchema) },
      },
    },
    async (request) => {
      const { status, capability, room, ...page } = request.query
      const { onlyAppId } = callerOf(request)
      const found = await approvals.list(onlyAppId, { status, capability, roomId: room }, defined(page))
      return { ...found, data: found.data.map(approvalView) }
    },
  )

  app.get(
    '/approvals/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'An approval with its payload',
        tags,
        params: idParams,
        response: { 200: approvalDetailSchema },
      },
    },
    async (request, reply) => {
      const approval = await approvals.get(callerOf(request).onlyAppId, idOf(request.params))
      if (!approval) throw new NotFoundError('There is no such approval.')
      return sendDetail(reply, approval)
    },
  )

  for (const [action, { decision, summary }] of Object.entries(DECISIONS)) {
    app.post(
      `/approvals/:id/${action}`,
      {
        config: { access: 'operate' },
        schema: {
          summary,
          description:
            `The app is told by an event \`approval.${decision}\`, in the same transaction: its endpoints that subscribe ` +
            'to it, else the endpoint of the capability. 409 for one that has expired or was decided otherwise; the same ' +
            'decision again changes nothing.',
          tags,
          params: idParams,
          body: decisionSchema,
          response: { 200: approvalDetailSchema },
        },
      },
      async (request, reply) => {
        const { key, onlyAppId } = callerOf(request)
        const approval = await decideApproval(parts, {
          ...{ appId: onlyAppId, id: idOf(request.params), decision },
          ...{ by: `key:${key.name}`, note: request.body?.note },
          context: { ...publishContext(request), source: 'approval', httpRequestId: signableId(request) },
        })
        return sendDetail(reply, approval)
      },
    )
  }
}

function sendDetail(reply: FastifyReply, approval: Approval) {
  return reply.serializer(() => withPayload(approvalView(approval), approval)).send({})
}
