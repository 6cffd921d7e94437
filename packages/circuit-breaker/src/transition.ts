import type {
  CircuitChange,
  CircuitChangeReason,
  CircuitEvent,
  ForceEvent,
  OutcomesEvent,
  ProbeAcquiredEvent,
  ProbeOutcomeEvent,
} from './events.ts'
import { longestRun, soundOutcomes } from './outcomes.ts'
import { liveProbes } from './probes.ts'
import type { CircuitSettings } from './settings.ts'
import {
  type CallRecord,
  type CircuitState,
  type ClosedState,
  type DisabledState,
  emptyRecord,
  type HalfOpenState,
  type OpenState,
  type Probe,
} from './state.ts'
import { countWindow, recordInWindow } from './window.ts'

/** A state and what was announced on the way to it. */
export interface Transition {
  readonly state: CircuitState
  /** Empty if the state kept its name; at most one per event. */
  readonly changes: readonly CircuitChange[]
}

/**
 * The circuit's whole behaviour: what a state becomes by an event at a moment. Pure; the clock is the caller's, and
 * nothing happens between events, so a circuit costs nothing while nobody asks.
 *
 * | state         | outcomes (same epoch)       | probe_acquired                      | probe_outcome (live token)                                            | force                              | reset    |
 * | ------------- | --------------------------- | ----------------------------------- | --------------------------------------------------------------------- | ---------------------------------- | -------- |
 * | `closed`      | count; `open` if a rule says | –                                   | –                                                                     | `disabled`, `forced_open`          | `closed` |
 * | `open`        | –                           | `half_open` from `nextProbeAt` on   | –                                                                     | `closed`, `disabled`, `forced_open` | `closed` |
 * | `half_open`   | –                           | granted while a place is free       | success: counted, the last needed one → `closed`; failure → `open`; released: its place is free | `closed`, `disabled`, `forced_open` | `closed` |
 * | `disabled`    | count                       | –                                   | –                                                                     | `closed`, `forced_open`            | `closed` |
 * | `forced_open` | –                           | –                                   | –                                                                     | `closed`, `disabled`               | `closed` |
 *
 * `–` and everything of another epoch, of an unknown token or of an expired one leaves the state as it is: the very
 * same object, so `===` tells that nothing happened. Every cell that names a state raises `epoch` by one and starts
 * with empty counts. Reopening waits a whole `openForMs` again.
 *
 * The rules that open a closed circuit, in this order:
 *
 * 1. `failureThreshold` failures in a row, counted across batches.
 * 2. `failureRate`: the window holds at least `minimumCalls`, and the share of failures is reached.
 * 3. `slowCall.rate`: the same for slow calls.
 *
 * The rates are judged once a batch is counted whole, and only if it brought a failure (a slow call): a success
 * never opens a circuit.
 */
export function transition(
  state: CircuitState,
  event: CircuitEvent,
  settings: CircuitSettings,
  nowMs: number,
): Transition {
  switch (event.type) {
    case 'outcomes':
      return onOutcomes(state, event, settings, nowMs)
    case 'probe_acquired':
      return onProbeAcquired(state, event, settings, nowMs)
    case 'probe_outcome':
      return onProbeOutcome(state, event, settings, nowMs)
    case 'force':
      return onForce(state, event, nowMs)
    case 'reset':
      return move(state, closed(state, nowMs), 'reset', nowMs)
  }
}

/** {@link transition} over several events at one moment. */
export function transitionAll(
  state: CircuitState,
  events: readonly CircuitEvent[],
  settings: CircuitSettings,
  nowMs: number,
): Transition {
  let current = state
  const changes: CircuitChange[] = []
  for (const event of events) {
    const next = transition(current, event, settings, nowMs)
    current = next.state
    changes.push(...next.changes)
  }
  return { state: current, changes }
}

const NO_CHANGES: readonly CircuitChange[] = Object.freeze([])

function stay(state: CircuitState): Transition {
  return { state, changes: NO_CHANGES }
}

function move(from: CircuitState, to: CircuitState, reason: CircuitChangeReason, nowMs: number): Transition {
  const change: CircuitChange = { from: from.name, to: to.name, epoch: to.epoch, reason, at: nowMs }
  return { state: to, changes: [change] }
}

function onOutcomes(
  state: CircuitState,
  event: OutcomesEvent,
  settings: CircuitSettings,
  nowMs: number,
): Transition {
  if (event.epoch !== state.epoch || (state.name !== 'closed' && state.name !== 'disabled'))
    return stay(state)
  const batch = soundOutcomes(event)
  if (batch.successes + batch.failures === 0 && batch.earlier === undefined) return stay(state)
  const run = runBefore(state, batch)
  const record = recordBatch(state, run, batch, settings, nowMs)
  if (state.name === 'closed') {
    const reason = reasonToOpen(record, run + batch.leadingFailures, batch, settings, nowMs)
    if (reason !== null) return move(state, opened(state.epoch, settings, nowMs), reason, nowMs)
  }
  return isSameRecord(state, record) ? stay(state) : stay({ ...state, ...record })
}

/** The run of failures that the batch continues: none if an earlier success, reported only now, fell into it. */
function runBefore(record: CallRecord, batch: OutcomesEvent): number {
  const since = record.failingSince
  const ended =
    since !== null && batch.earlier?.some((bucket) => bucket.successes > 0 && bucket.at >= since) === true
  return ended ? 0 : record.consecutiveFailures
}

function recordBatch(
  record: CallRecord,
  run: number,
  batch: OutcomesEvent,
  settings: CircuitSettings,
  nowMs: number,
): CallRecord {
  const unbroken = batch.successes === 0
  const consecutiveFailures = unbroken ? run + batch.failures : batch.consecutiveFailures
  const since = unbroken && run > 0 ? (record.failingSince ?? nowMs) : nowMs
  return {
    consecutiveFailures,
    failingSince: consecutiveFailures > 0 ? since : null,
    window: recordInWindow(record.window, settings.window, batch, nowMs),
  }
}

/** Spares a closed circuit without a window a new object for each success. */
function isSameRecord(before: CallRecord, after: CallRecord): boolean {
  return (
    before.window === after.window &&
    before.consecutiveFailures === after.consecutiveFailures &&
    before.failingSince === after.failingSince
  )
}

function reasonToOpen(
  record: CallRecord,
  runIntoBatch: number,
  batch: OutcomesEvent,
  settings: CircuitSettings,
  nowMs: number,
): CircuitChangeReason | null {
  const longest = Math.max(longestRun(batch), batch.failures > 0 ? runIntoBatch : 0)
  if (settings.failureThreshold > 0 && longest >= settings.failureThreshold) return 'consecutive_failures'

  const brought = (kind: 'failures' | 'slow') =>
    batch[kind] > 0 || batch.earlier?.some((bucket) => bucket[kind] > 0) === true
  const failureRate = brought('failures') ? settings.failureRate : undefined
  const slowRate = brought('slow') ? settings.slowCall?.rate : undefined
  if (failureRate === undefined && slowRate === undefined) return null

  const counts = countWindow(record.window, settings.window, nowMs)
  if (counts.calls < settings.minimumCalls) return null
  if (failureRate !== undefined && counts.failures / counts.calls >= failureRate) return 'failure_rate'
  if (slowRate !== undefined && counts.slow / counts.calls >= slowRate) return 'slow_call_rate'
  return null
}

function onProbeAcquired(
  state: CircuitState,
  event: ProbeAcquiredEvent,
  settings: CircuitSettings,
  nowMs: number,
): Transition {
  const probe: Probe = { token: event.token, expiresAt: nowMs + leaseOf(event, settings) }
  if (state.name === 'open') {
    if (nowMs < state.nextProbeAt) return stay(state)
    const base = { epoch: state.epoch + 1, openedAt: state.openedAt, successes: 0 }
    return move(state, halfOpen(base, [probe], settings, nowMs), 'probe_acquired', nowMs)
  }
  if (state.name !== 'half_open') return stay(state)
  const live = liveProbes(state.probes, nowMs)
  const isRepeated = live.some((held) => held.token === event.token)
  if (isRepeated || live.length >= settings.halfOpenProbes) return stay(state)
  return stay(halfOpen(state, [...live, probe], settings, nowMs))
}

function leaseOf(event: ProbeAcquiredEvent, settings: CircuitSettings): number {
  const asked = event.leaseMs
  return asked !== undefined && Number.isFinite(asked) && asked > 0 ? asked : settings.probeLeaseMs
}

function onProbeOutcome(
  state: CircuitState,
  event: ProbeOutcomeEvent,
  settings: CircuitSettings,
  nowMs: number,
): Transition {
  if (state.name !== 'half_open') return stay(state)
  if (event.epoch !== undefined && event.epoch !== state.epoch) return stay(state)
  const live = liveProbes(state.probes, nowMs)
  const others = live.filter((probe) => probe.token !== event.token)
  if (others.length === live.length) return stay(state)

  if (event.outcome === 'released') return stay(halfOpen(state, others, settings, nowMs))
  const tooSlow = event.slow === true && settings.slowCall !== undefined
  if (event.outcome === 'failure' || tooSlow) {
    return move(state, opened(state.epoch, settings, nowMs), 'probe_failed', nowMs)
  }
  const successes = state.successes + 1
  return successes >= settings.successThreshold
    ? move(state, closed(state, nowMs), 'probes_succeeded', nowMs)
    : stay(halfOpen({ ...state, successes }, others, settings, nowMs))
}

function onForce(state: CircuitState, event: ForceEvent, nowMs: number): Transition {
  if (state.name === event.to) return stay(state)
  const epoch = state.epoch + 1
  switch (event.to) {
    case 'closed':
      return move(state, closed(state, nowMs), 'forced', nowMs)
    case 'disabled': {
      const disabled: DisabledState = { name: 'disabled', epoch, ...emptyRecord() }
      return move(state, disabled, 'forced', nowMs)
    }
    case 'forced_open':
      return move(state, { name: 'forced_open', epoch }, 'forced', nowMs)
  }
}

/** Closed after `from`. Traffic flowed all along through a closed or disabled circuit: nothing has to ramp up. */
function closed(from: CircuitState, nowMs: number): ClosedState {
  const heldBack = from.name !== 'closed' && from.name !== 'disabled'
  const closedAt = heldBack ? nowMs : from.name === 'closed' ? from.closedAt : null
  return { name: 'closed', epoch: from.epoch + 1, closedAt, ...emptyRecord() }
}

function opened(epoch: number, settings: CircuitSettings, nowMs: number): OpenState {
  return { name: 'open', epoch: epoch + 1, openedAt: nowMs, nextProbeAt: nowMs + settings.openForMs }
}

function halfOpen(
  base: Pick<HalfOpenState, 'epoch' | 'openedAt' | 'successes'>,
  probes: readonly Probe[],
  settings: CircuitSettings,
  nowMs: number,
): HalfOpenState {
  // More probes than places are possible after the settings were lowered; then several leases must end first.
  const blocking = probes.map((probe) => probe.expiresAt).sort((a, b) => a - b)
  return {
    name: 'half_open',
    epoch: base.epoch,
    openedAt: base.openedAt,
    nextProbeAt: blocking[probes.length - settings.halfOpenProbes] ?? nowMs,
    probes,
    successes: base.successes,
  }
}
