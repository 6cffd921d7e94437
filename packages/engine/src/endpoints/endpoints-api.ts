import { initialState } from '@posthorn/circuit-breaker'
import { ConflictError, formatId, NotFoundError, uuidv7, ValidationError } from '@posthorn/core'
import {
  type Endpoint,
  type EndpointRepository,
  type EndpointSettings,
  type PostgresCircuitStore,
  rotatedSecrets,
} from '@posthorn/db'
import { generateSecret } from '@posthorn/dispatcher/signing'
import { idOrNotFound } from '../ids.ts'
import type { AttemptView, CircuitView, EndpointInput, EndpointsApi, NewSecret } from '../types.ts'
import { endpointView, publicKeyOfEndpoint, unhidden } from './endpoint-view.ts'
import { type EndpointDefaults, parseEndpoint } from './settings.ts'

const MAX_GRACE_MS = 7 * 86_400_000
const DEFAULT_GRACE_MS = 86_400_000

/** What the endpoints of an app are managed with. */
export interface EndpointServices {
  readonly repository: EndpointRepository
  readonly circuits: PostgresCircuitStore
  readonly defaults: EndpointDefaults
  /** sends a test request and records it */
  test(endpoint: Endpoint): Promise<AttemptView>
  /** what is remembered of an endpoint is of no use any more */
  forget(endpointId: string): void
}

/** Endpoints on behalf of one app. */
export function createEndpointsApi(appId: string, services: EndpointServices): EndpointsApi {
  const { repository, circuits, defaults } = services

  const find = async (id: string): Promise<Endpoint> => {
    const endpoint = await repository.get(appId, idOrNotFound('ep', id))
    return endpoint ?? missing()
  }

  /** An endpoint that its owner may change here: not one that follows the app's manifest. */
  const findOwn = async (id: string): Promise<Endpoint> => {
    const endpoint = await find(id)
    if (endpoint.origin !== 'manifest') return endpoint
    throw new ConflictError("The endpoint is a capability of the app's manifest: change the manifest.")
  }

  const circuitOf = async (endpoint: Endpoint): Promise<CircuitView> => {
    const state = (await circuits.read([endpoint.id])).get(endpoint.id) ?? initialState()
    const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
    return {
      endpointId: formatId('ep', endpoint.id),
      state: state.name,
      epoch: state.epoch,
      consecutiveFailures: 'consecutiveFailures' in state ? state.consecutiveFailures : 0,
      openedAt: iso('openedAt' in state ? state.openedAt : null),
      nextProbeAt: iso('nextProbeAt' in state ? state.nextProbeAt : null),
      settings: endpoint.circuit,
    }
  }

  return {
    async create(input) {
      const { enabled, ...settings } = parseEndpoint(withHeaders(input, {}), defaults)
      const { secret } = generateSecret(settings.signing)
      const id = uuidv7()
      const made = await repository.insert({ ...settings, id, appId, origin: 'api', secrets: [{ secret }] })
      const endpoint = enabled
        ? made
        : ((await repository.update(appId, id, { ...settings, enabled })) ?? made)
      return { ...endpointView(endpoint), secret, publicKey: publicKeyOfEndpoint(endpoint) }
    },

    async get(id) {
      return endpointView(await find(id))
    },

    async list(request = {}) {
      const page = await repository.list(appId, request)
      return { ...page, data: page.data.map(endpointView) }
    },

    async update(id, input) {
      const endpoint = await findOwn(id)
      const settings = parseEndpoint(
        { ...inputOf(endpoint), ...withoutUndefined(withHeaders(input, endpoint.headers)) },
        defaults,
      )
      const updated = await repository.update(appId, endpoint.id, settings)
      if (updated && settings.signing !== endpoint.signing) {
        // A key of the other kind: nothing that receivers hold can verify the new signatures, so there is no overlap.
        const rotated = await repository.setSecrets(appId, endpoint.id, [
          { secret: generateSecret(settings.signing).secret },
        ])
        return endpointView(rotated ?? missing())
      }
      return endpointView(updated ?? missing())
    },

    async remove(id) {
      const endpoint = await findOwn(id)
      if (!(await repository.remove(appId, endpoint.id))) missing()
      services.forget(endpoint.id)
    },

    async rotateSecret(id, options = {}): Promise<NewSecret> {
      const endpoint = await findOwn(id)
      const made = generateSecret(endpoint.signing)
      const secrets = rotatedSecrets(made, endpoint.secrets, checkedGrace(options.graceMs))
      const updated = (await repository.setSecrets(appId, endpoint.id, secrets)) ?? missing()
      return { secret: made.secret, publicKey: publicKeyOfEndpoint(updated) }
    },

    async pause(id) {
      return endpointView((await repository.setPaused(appId, idOrNotFound('ep', id), true)) ?? missing())
    },

    async resume(id) {
      return endpointView((await repository.setPaused(appId, idOrNotFound('ep', id), false)) ?? missing())
    },

    async test(id) {
      return services.test(await find(id))
    },

    async circuit(id) {
      return circuitOf(await find(id))
    },

    async resetCircuit(id) {
      const endpoint = await find(id)
      await circuits.apply([{ key: endpoint.id, events: [{ type: 'reset' }] }])
      return circuitOf(endpoint)
    },
  }
}

/** Input whose hidden header values have become the real ones. */
function withHeaders<Input extends Partial<EndpointInput>>(
  input: Input,
  present: Readonly<Record<string, string>>,
): Input {
  if (input.headers === undefined) return input
  return { ...input, headers: unhidden(input.headers, present) }
}

function missing(): never {
  throw new NotFoundError('There is no such endpoint.')
}

function checkedGrace(graceMs = DEFAULT_GRACE_MS): number {
  if (Number.isInteger(graceMs) && graceMs >= 0 && graceMs <= MAX_GRACE_MS) return graceMs
  throw new ValidationError([
    {
      path: 'graceMs',
      message: 'is out of range',
      expected: `milliseconds from 0 to ${MAX_GRACE_MS} (7 days)`,
    },
  ])
}

/** An endpoint as the input that would make it again. */
function inputOf(endpoint: EndpointSettings & { enabled: boolean }): Required<EndpointInput> {
  return {
    url: endpoint.url,
    eventTypes: endpoint.eventTypes,
    description: endpoint.description,
    capability: endpoint.capability,
    headers: endpoint.headers,
    timeoutMs: endpoint.timeoutMs,
    connectTimeoutMs: endpoint.connectTimeoutMs,
    retry: endpoint.retry,
    successCodes: endpoint.successCodes,
    format: endpoint.format,
    maxConcurrency: endpoint.maxConcurrency,
    rateLimit: endpoint.rateLimit,
    circuit: endpoint.circuit,
    signing: endpoint.signing,
    orderingOnFailure: endpoint.orderingOnFailure,
    enabled: endpoint.enabled,
  }
}

function withoutUndefined(input: Partial<EndpointInput>): Partial<EndpointInput> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
}
