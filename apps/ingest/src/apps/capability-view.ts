import { initialState } from '@posthorn/circuit-breaker'
import { formatId } from '@posthorn/core'
import type { PostgresCircuitStore } from '@posthorn/db'
import type { CallableApp, CallableCapability } from '@posthorn/delegator'
import type { z } from 'zod'
import { circuitStateView } from '../circuits/view.ts'
import type { capabilitySchema } from './schemas.ts'

/** The capabilities of an app as they are shown, each with its circuit as it is now. */
export async function capabilityViews(
  app: CallableApp | undefined,
  circuits: Pick<PostgresCircuitStore, 'read'>,
): Promise<z.input<typeof capabilitySchema>[]> {
  const capabilities = [...(app?.capabilities.values() ?? [])]
  const states = await circuits.read(capabilities.map(({ endpointId }) => endpointId))
  return capabilities.map((capability) => ({
    ...viewOf(capability),
    circuit: circuitStateView(states.get(capability.endpointId) ?? initialState()),
  }))
}

function viewOf(capability: CallableCapability): Omit<z.input<typeof capabilitySchema>, 'circuit'> {
  const { retry, responseSchema } = capability
  return {
    name: capability.name,
    url: capability.url,
    timeoutMs: capability.timeoutMs,
    async: capability.isAsync,
    retry: {
      maxAttempts: retry.maxAttempts,
      initialDelayMs: retry.initialDelayMs,
      maxDelayMs: retry.maxDelayMs,
      backoffMultiplier: retry.backoffMultiplier,
    },
    fallback: { strategy: capability.fallback.strategy, options: { ...capability.fallback.options } },
    cacheTtlMs: capability.cacheTtlMs,
    hasResponseSchema: responseSchema !== undefined,
    endpointId: formatId('ep', capability.endpointId),
  }
}
