import { z } from 'zod'

/** The names of the states of a circuit. */
export const CIRCUIT_STATES = ['closed', 'open', 'half_open', 'disabled', 'forced_open'] as const

const time = z.string().nullable().describe('ISO 8601')

/** What a circuit is, and what it has counted. */
export const circuitStateSchema = z
  .object({
    state: z
      .enum(CIRCUIT_STATES)
      .describe('`disabled` never opens, `forced_open` lets nothing pass: both until the next decision'),
    epoch: z.int().describe('rises with every transition'),
    consecutiveFailures: z.int(),
    consecutiveSuccesses: z.int().describe('of probes, while it is half open'),
    window: z
      .object({ calls: z.int(), successes: z.int(), failures: z.int(), slow: z.int() })
      .nullable()
      .describe('what a sliding window has seen, where its settings have one'),
    openedAt: time,
    nextProbeAt: time,
    closedAt: time,
  })
  .meta({ id: 'CircuitState' })

/** The circuit of one capability of one app. */
export const capabilityCircuitSchema = circuitStateSchema
  .extend({
    appId: z.string(),
    appName: z.string(),
    capability: z.string(),
    endpointId: z.string(),
    url: z.string(),
    updatedAt: time,
  })
  .meta({ id: 'CapabilityCircuit' })

/** A decision about a circuit. */
export const circuitDecisionSchema = z
  .strictObject({
    state: z
      .enum(['disabled', 'forced_open', 'closed'], 'must be disabled, forced_open or closed')
      .describe('`closed` is the same as a reset: what was counted is forgotten'),
  })
  .meta({ id: 'CircuitDecision' })
