import { DELIVERY_STATUSES } from '@posthorn/db'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { defined, idParams, idText, noBody, pageOf, pageQuery, pathId } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { deliveryDetailSchema, deliverySchema } from './schemas.ts'

const tags = ['deliveries']
const idOf = (params: { id: string }) => pathId('dlv', 'delivery', params.id)

const deliveryQuery = z.strictObject({
  endpointId: idText('ep').optional(),
  eventId: idText('evt').optional(),
  status: z.enum(DELIVERY_STATUSES, `must be one of ${DELIVERY_STATUSES.join(', ')}`).optional(),
  ...pageQuery,
})

const cancelAnswerSchema = z.object({
  status: z.enum(['cancelled', 'requested']).describe('`requested`: what comes of the try under way decides'),
  delivery: deliverySchema,
})

/** What is owed to endpoints: read, tried again, called off. */
export function registerDeliveries(app: ZodApp): void {
  app.get(
    '/deliveries',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List deliveries',
        tags,
        querystring: deliveryQuery,
        response: { 200: pageOf(deliverySchema) },
      },
    },
    (request) => callerOf(request).scope.deliveries.list(defined(request.query)),
  )

  app.get(
    '/deliveries/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'A delivery with its attempts',
        tags,
        params: idParams,
        response: { 200: deliveryDetailSchema },
      },
    },
    async (request) => await callerOf(request).scope.deliveries.get(idOf(request.params)),
  )

  app.post(
    '/deliveries/:id/retry',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Try again now',
        description:
          'One that waits becomes due now. One that failed or is dead gets a new round of tries under the same ' +
          '`webhook-id`. 409 while it is being tried, and for one that was delivered or cancelled.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: deliverySchema },
      },
    },
    (request) => {
      const { key, scope } = callerOf(request)
      return scope.deliveries.retry(idOf(request.params), { by: `key:${key.name}` })
    },
  )

  app.post(
    '/deliveries/:id/cancel',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Call a delivery off',
        description: '202 where it is being tried at this moment: what comes of that decides.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: cancelAnswerSchema, 202: cancelAnswerSchema },
      },
    },
    async (request, reply) => {
      const answer = await callerOf(request).scope.deliveries.cancel(idOf(request.params))
      return reply.code(answer.status === 'requested' ? 202 : 200).send(answer)
    },
  )
}
