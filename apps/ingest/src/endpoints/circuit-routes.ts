import { callerOf } from '../auth/hook.ts'
import { idParams, noBody } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { endpointId } from './routes.ts'
import { circuitSchema } from './schemas.ts'

const tags = ['circuits']

/** The circuit breakers of endpoints. */
export function registerCircuits(app: ZodApp): void {
  app.get(
    '/admin/circuit-breaker/endpoints/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: 'The circuit of an endpoint',
        tags,
        params: idParams,
        response: { 200: circuitSchema },
      },
    },
    (request) => callerOf(request).scope.endpoints.circuit(endpointId(request.params)),
  )

  app.post(
    '/admin/circuit-breaker/endpoints/:id/reset',
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Close a circuit',
        description: 'Forgets what was counted; deliveries go out again.',
        tags,
        params: idParams,
        body: noBody,
        response: { 200: circuitSchema },
      },
    },
    (request) => callerOf(request).scope.endpoints.resetCircuit(endpointId(request.params)),
  )
}
