import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { attemptSchema } from '../deliveries/schemas.ts'
import { defined, idParams, noBody, pageOf, pageQuery, pathId } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import {
  endpointChangeSchema,
  endpointInputSchema,
  endpointSchema,
  newEndpointSchema,
  newSecretSchema,
  rotationSchema,
} from './schemas.ts'

const tags = ['endpoints']

/** @throws ProblemError 404 */
export const endpointId = (params: { id: string }): string => pathId('ep', 'endpoint', params.id)

/** Endpoints: made, read, changed and removed. */
export function registerEndpoints(app: ZodApp): void {
  app.post(
    '/endpoints',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Make an endpoint',
        tags,
        body: endpointInputSchema,
        response: { 201: newEndpointSchema },
      },
    },
    async (request, reply) => {
      const endpoint = await callerOf(request).scope.endpoints.create(request.body)
      return reply.code(201).header('location', `/api/v1/endpoints/${endpoint.id}`).send(endpoint)
    },
  )

  app.get(
    '/endpoints',
    {
      config: { access: 'read' },
      schema: {
        summary: 'List endpoints',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(endpointSchema) },
      },
    },
    (request) => callerOf(request).scope.endpoints.list(defined(request.query)),
  )

  app.get(
    '/endpoints/:id',
    {
      config: { access: 'read' },
      schema: { summary: 'An endpoint', tags, params: idParams, response: { 200: endpointSchema } },
    },
    (request) => callerOf(request).scope.endpoints.get(endpointId(request.params)),
  )

  app.patch(
    '/endpoints/:id',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Change an endpoint',
        description: 'What is given changes, the rest stays.',
        tags,
        params: idParams,
        body: endpointChangeSchema,
        response: { 200: endpointSchema },
      },
    },
    (request) => callerOf(request).scope.endpoints.update(endpointId(request.params), request.body),
  )

  app.delete(
    '/endpoints/:id',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Remove an endpoint',
        description: 'What is still owed to it is cancelled.',
        tags,
        params: idParams,
        response: { 204: z.null().describe('It is gone.') },
      },
    },
    async (request, reply) => {
      await callerOf(request).scope.endpoints.remove(endpointId(request.params))
      return reply.code(204).send(null)
    },
  )
}

/** What operators do with an endpoint, and the replacement of its secret. */
export function registerEndpointActions(app: ZodApp): void {
  for (const action of ['pause', 'resume'] as const) {
    app.post(
      `/endpoints/:id/${action}`,
      {
        config: { access: 'operate' },
        schema: {
          summary: action === 'pause' ? 'Let deliveries wait' : 'Deliver again',
          tags,
          params: idParams,
          body: noBody,
          response: { 200: endpointSchema },
        },
      },
      (request) => callerOf(request).scope.endpoints[action](endpointId(request.params)),
    )
  }

  app.post(
    '/endpoints/:id/test',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Send a signed test request now',
        description: 'Answers with what came of it, also where the endpoint does not answer.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: attemptSchema },
      },
    },
    (request) => callerOf(request).scope.endpoints.test(endpointId(request.params)),
  )

  app.post(
    '/endpoints/:id/rotate-secret',
    {
      config: { access: 'manage' },
      schema: {
        summary: 'Replace the secret',
        description: 'The new one signs at once, the old one beside it for a while.',
        tags,
        params: idParams,
        body: rotationSchema,
        response: { 200: newSecretSchema },
      },
    },
    (request) =>
      callerOf(request).scope.endpoints.rotateSecret(endpointId(request.params), request.body ?? {}),
  )
}
