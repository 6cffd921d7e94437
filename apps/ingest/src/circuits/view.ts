import {
  type CircuitState,
  DEFAULT_CIRCUIT_SETTINGS,
  type WindowState,
  windowCounts,
} from '@posthorn/circuit-breaker'
import { formatId } from '@posthorn/core'
import type { ListedCircuit } from '@posthorn/db'
import type { z } from 'zod'
import type { capabilityCircuitSchema, circuitStateSchema } from './schemas.ts'

/** A circuit as it is shown. */
export function circuitStateView(state: CircuitState): z.input<typeof circuitStateSchema> {
  return {
    state: state.name,
    epoch: state.epoch,
    consecutiveFailures: 'consecutiveFailures' in state ? state.consecutiveFailures : 0,
    consecutiveSuccesses: 'successes' in state ? state.successes : 0,
    window: 'window' in state && state.window ? countsOf(state, state.window) : null,
    openedAt: iso('openedAt' in state ? state.openedAt : null),
    nextProbeAt: iso('nextProbeAt' in state ? state.nextProbeAt : null),
    closedAt: iso('closedAt' in state ? state.closedAt : null),
  }
}

/** The circuit of a capability as it is shown. */
export function capabilityCircuitView(listed: ListedCircuit): z.input<typeof capabilityCircuitSchema> {
  return {
    appId: formatId('app', listed.appId),
    appName: listed.appName,
    capability: listed.capability,
    endpointId: formatId('ep', listed.endpointId),
    url: listed.url,
    ...circuitStateView(listed.state),
    updatedAt: listed.updatedAt?.toISOString() ?? null,
  }
}

/** All that a window has kept, whatever the settings that it was kept under. */
function countsOf(state: CircuitState, kept: WindowState) {
  const window =
    kept.kind === 'count'
      ? { kind: kept.kind, size: Math.max(1, kept.calls.length) }
      : { kind: kept.kind, durationMs: Number.MAX_SAFE_INTEGER, buckets: 1 }
  return windowCounts(state, { ...DEFAULT_CIRCUIT_SETTINGS, window }, Date.now())
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
