import { type ListedCircuit, listCircuits } from '@posthorn/db'
import type { Delegator } from '@posthorn/delegator'
import type { ServicePool } from '@posthorn/engine/config'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import type { Calls } from '../calls/create-calls.ts'
import { capabilityParams } from '../calls/schemas.ts'
import { defined, noBody, pageOf, pageQuery } from '../http/fields.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { notFound } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { CIRCUIT_STATES, capabilityCircuitSchema, circuitDecisionSchema } from './schemas.ts'
import { capabilityCircuitView } from './view.ts'

const tags = ['circuits']
const PATH = '/admin/circuit-breaker/:appId/:capability'

const statusQuery = z.strictObject({
  state: z.enum(CIRCUIT_STATES, `must be one of ${CIRCUIT_STATES.join(', ')}`).optional(),
  ...pageQuery,
})

/** The circuits of capabilities, by app and name. */
export function registerCapabilityCircuits(
  app: ZodApp,
  { calls, pool }: { readonly calls: Pick<Calls, 'apps' | 'delegator'>; readonly pool: ServicePool },
): void {
  const find = async (request: FastifyRequest): Promise<ListedCircuit> => {
    const { appId } = callerOf(request)
    const { capability } = request.params as { capability: string }
    const endpointId = (await calls.apps.read(appId))?.capabilities.get(capability)?.endpointId
    const listed = endpointId === undefined ? undefined : await listCircuits(pool, appId, { capability }, {})
    const found = listed?.data.find((circuit) => circuit.endpointId === endpointId)
    if (!found) throw new ProblemError(notFound('The app offers no capability of this name.'))
    return found
  }

  const decide = async (
    request: FastifyRequest,
    decision: (circuits: Delegator['circuits'], appId: string, capability: string) => Promise<unknown>,
  ) => {
    const { appId, capability } = await find(request)
    await decision(calls.delegator.circuits, appId, capability)
    return capabilityCircuitView(await find(request))
  }

  app.get(
    '/admin/circuit-breaker/status',
    {
      config: { access: 'read' },
      schema: {
        summary: 'The circuits of capabilities',
        description: 'Of every app for a key of the platform that names none.',
        tags,
        querystring: statusQuery,
        response: { 200: pageOf(capabilityCircuitSchema) },
      },
    },
    async (request) => {
      const { state, ...page } = request.query
      const listed = await listCircuits(pool, callerOf(request).onlyAppId, { state }, defined(page))
      return { ...listed, data: listed.data.map(capabilityCircuitView) }
    },
  )

  app.get(
    PATH,
    {
      config: { access: 'read' },
      schema: {
        summary: 'The circuit of a capability',
        tags,
        params: capabilityParams,
        response: { 200: capabilityCircuitSchema },
      },
    },
    async (request) => capabilityCircuitView(await find(request)),
  )

  app.post(
    PATH,
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Decide about a circuit',
        tags,
        params: capabilityParams,
        body: circuitDecisionSchema,
        response: { 200: capabilityCircuitSchema },
      },
    },
    (request) => {
      const { state } = request.body
      return decide(request, (circuits, appId, capability) =>
        state === 'closed' ? circuits.reset(appId, capability) : circuits.force(appId, capability, state),
      )
    },
  )

  app.post(
    `${PATH}/reset`,
    {
      config: { access: 'operate' },
      schema: {
        summary: 'Close the circuit of a capability',
        description: 'Forgets what was counted, and ends a decision that holds; the app is asked again.',
        tags,
        params: capabilityParams,
        body: noBody,
        response: { 200: capabilityCircuitSchema },
      },
    },
    (request) => decide(request, (circuits, appId, capability) => circuits.reset(appId, capability)),
  )
}
