import type { CircuitState, ForceEvent } from '@posthorn/circuit-breaker'
import { NotFoundError } from '@posthorn/core'
import type { AppDirectory } from '../apps/app-directory.ts'
import type { CircuitTarget } from './admission.ts'
import type { CircuitGate } from './circuit-gate.ts'

/** The circuits of a delegator, one for each app and capability. */
export interface Circuits {
  /** The circuit as its store has it now. @throws NotFoundError if the app offers no such capability */
  state(appId: string, capability: string): Promise<CircuitState>
  /** Closes it, with everything forgotten. @throws NotFoundError */
  reset(appId: string, capability: string): Promise<CircuitState>
  /** `disabled` never opens; `forced_open` lets nothing pass; both until the next decision. @throws NotFoundError */
  force(appId: string, capability: string, to: ForceEvent['to']): Promise<CircuitState>
}

/** Circuits by app and capability, over a gate that knows them by endpoint. */
export function circuitsOf(apps: AppDirectory, gate: CircuitGate): Circuits {
  const targetOf = async (appId: string, capability: string): Promise<CircuitTarget> => {
    const app = await apps.find(appId)
    const endpointId = app?.capabilities.get(capability)?.endpointId
    if (endpointId === undefined)
      throw new NotFoundError(`the app ${appId} offers no capability ${capability}`)
    return { endpointId, appId, capability }
  }
  return {
    state: async (appId, capability) => gate.state(await targetOf(appId, capability)),
    reset: async (appId, capability) => gate.decide(await targetOf(appId, capability), 'reset'),
    force: async (appId, capability, to) => gate.decide(await targetOf(appId, capability), to),
  }
}
