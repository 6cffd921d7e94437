export type { CallContext, CallOutcome, FailureFilter } from './call.ts'
export {
  CircuitBreaker,
  type CircuitBreakerEvents,
  type CircuitBreakerOptions,
  type ExecuteOptions,
} from './circuit-breaker.ts'
export { CircuitOpenError, isCircuitOpenError } from './circuit-open-error.ts'
export type {
  CircuitChange,
  CircuitChangeReason,
  CircuitEvent,
  ForceEvent,
  OutcomesEvent,
  ProbeAcquiredEvent,
  ProbeOutcomeEvent,
  ResetEvent,
} from './events.ts'
export type { Subscription } from './listeners.ts'
export { MemoryCircuitStore, type MemoryCircuitStoreOptions } from './memory-store.ts'
export { addOutcome, holdBack, mergeOutcomes, outcomeOf, outcomesOf } from './outcomes.ts'
export { parseCircuitSettings } from './parse-settings.ts'
export { parseCircuitState } from './parse-state.ts'
export type { Permit } from './permit.ts'
export { allowance, holdsProbe, retryAfterMs } from './probes.ts'
export {
  type CircuitRegistry,
  type CircuitRegistryEvents,
  type CircuitRegistryOptions,
  createCircuitRegistry,
} from './registry.ts'
export {
  type CircuitSettings,
  type CircuitWindow,
  DEFAULT_CIRCUIT_SETTINGS,
  type SlowCallPolicy,
} from './settings.ts'
export {
  type CallRecord,
  type CircuitState,
  type CircuitStateName,
  type ClosedState,
  type DisabledState,
  type ForcedOpenState,
  type HalfOpenState,
  initialState,
  type OpenState,
  type Probe,
  type TimeBucket,
  type WindowState,
} from './state.ts'
export { type AppliedDelta, type CircuitDelta, type CircuitStore, orderDeltas } from './store.ts'
export { type Transition, transition, transitionAll } from './transition.ts'
export { type WindowCounts, windowCounts } from './window.ts'
