import type { CircuitSettings } from './settings.ts'
import type { CircuitState, Probe } from './state.ts'

/** Probes whose lease has not run out. At `expiresAt` itself it has. */
export function liveProbes(probes: readonly Probe[], nowMs: number): readonly Probe[] {
  return probes.some((probe) => probe.expiresAt <= nowMs)
    ? probes.filter((probe) => probe.expiresAt > nowMs)
    : probes
}

/** Whether the circuit has granted a probe to this token and its lease still runs at `nowMs`. */
export function holdsProbe(state: CircuitState, token: string, nowMs: number): boolean {
  return (
    state.name === 'half_open' &&
    state.probes.some((probe) => probe.token === token && probe.expiresAt > nowMs)
  )
}

/**
 * How many calls a circuit lets through at `nowMs`: `Infinity` while closed or disabled, 0 while forced open, else
 * the number of probes that may be taken.
 */
export function allowance(state: CircuitState, settings: CircuitSettings, nowMs: number): number {
  switch (state.name) {
    case 'closed':
    case 'disabled':
      return Number.POSITIVE_INFINITY
    case 'forced_open':
      return 0
    case 'open':
      return nowMs >= state.nextProbeAt ? settings.halfOpenProbes : 0
    case 'half_open':
      return Math.max(0, settings.halfOpenProbes - liveProbes(state.probes, nowMs).length)
  }
}

/**
 * How long a call that was refused at `nowMs` should wait before it asks again, milliseconds: 0 if it need not wait,
 * `undefined` if nobody knows, because a person has forced the circuit open.
 */
export function retryAfterMs(
  state: CircuitState,
  settings: CircuitSettings,
  nowMs: number,
): number | undefined {
  if (state.name === 'forced_open') return undefined
  if (allowance(state, settings, nowMs) > 0) return 0
  return state.name === 'open' || state.name === 'half_open' ? Math.max(0, state.nextProbeAt - nowMs) : 0
}
