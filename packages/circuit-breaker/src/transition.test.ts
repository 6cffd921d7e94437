import { describe, expect, it } from 'vitest'
import { batch, settingsOf } from '../test/fixtures.ts'
import type { CircuitEvent } from './events.ts'
import type { CircuitSettings } from './settings.ts'
import { type CircuitState, type CircuitStateName, initialState } from './state.ts'
import { transition, transitionAll } from './transition.ts'

const NOW = 1_000_000
const settings = settingsOf({ openForMs: 100, probeLeaseMs: 50 })

const run = (state: CircuitState, event: CircuitEvent, at = NOW, by: CircuitSettings = settings) =>
  transition(state, event, by, at)
const probe = (token: string): CircuitEvent => ({ type: 'probe_acquired', token })
const report = (token: string, outcome: 'success' | 'failure' | 'released'): CircuitEvent => ({
  type: 'probe_outcome',
  token,
  outcome,
})
const force = (to: 'closed' | 'disabled' | 'forced_open'): CircuitEvent => ({ type: 'force', to })

const closed = run(initialState(), batch(0, 'ff')).state
const open = run(initialState(), batch(0, 'fffff')).state
const halfOpen = run(open, probe('p'), NOW + 100).state
const disabled = run(initialState(), force('disabled')).state
const forcedOpen = run(initialState(), force('forced_open')).state
const LATER = NOW + 110

/** The table above `transition`, row by row: what each event makes of each state; `same` is the same object. */
const TABLE: [CircuitState, Record<string, CircuitStateName | 'same' | 'counted'>][] = [
  [
    closed,
    {
      fff: 'open',
      f: 'counted',
      probe: 'same',
      success: 'same',
      failure: 'same',
      released: 'same',
      closed: 'same',
      disabled: 'disabled',
      forced_open: 'forced_open',
      reset: 'closed',
    },
  ],
  [
    open,
    {
      fff: 'same',
      f: 'same',
      probe: 'half_open',
      success: 'same',
      failure: 'same',
      released: 'same',
      closed: 'closed',
      disabled: 'disabled',
      forced_open: 'forced_open',
      reset: 'closed',
    },
  ],
  [
    halfOpen,
    {
      fff: 'same',
      f: 'same',
      probe: 'same',
      success: 'counted',
      failure: 'open',
      released: 'counted',
      closed: 'closed',
      disabled: 'disabled',
      forced_open: 'forced_open',
      reset: 'closed',
    },
  ],
  [
    disabled,
    {
      fff: 'counted',
      f: 'counted',
      probe: 'same',
      success: 'same',
      failure: 'same',
      released: 'same',
      closed: 'closed',
      disabled: 'same',
      forced_open: 'forced_open',
      reset: 'closed',
    },
  ],
  [
    forcedOpen,
    {
      fff: 'same',
      f: 'same',
      probe: 'same',
      success: 'same',
      failure: 'same',
      released: 'same',
      closed: 'closed',
      disabled: 'disabled',
      forced_open: 'same',
      reset: 'closed',
    },
  ],
]

function eventNamed(name: string, epoch: number): CircuitEvent {
  if (name === 'probe') return probe('q')
  if (name === 'success' || name === 'failure' || name === 'released') return report('p', name)
  if (name === 'reset') return { type: 'reset' }
  if (name === 'closed' || name === 'disabled' || name === 'forced_open') return force(name)
  return batch(epoch, name)
}

describe('transition', () => {
  for (const [state, row] of TABLE) {
    it.each(Object.entries(row))(`${state.name} by %s: %s`, (name, expected) => {
      const after = run(state, eventNamed(name, state.epoch), LATER)
      if (expected === 'same') {
        expect(after.state).toBe(state)
        expect(after.changes).toEqual([])
      } else if (expected === 'counted') {
        expect(after.state).not.toEqual(state)
        expect(after.state).toMatchObject({ name: state.name, epoch: state.epoch })
        expect(after.changes).toEqual([])
      } else {
        const epoch = state.epoch + 1
        expect(after.state).toMatchObject({ name: expected, epoch })
        expect(after.changes).toMatchObject([{ from: state.name, to: expected, epoch, at: LATER }])
      }
    })
  }

  it('ignores outcomes of any other epoch', () => {
    for (const epoch of [-1, 1, 7]) expect(run(closed, batch(epoch, 'fffff')).state).toBe(closed)
  })

  it('opens for openForMs and lets the first probe through at that moment, not before', () => {
    expect(open).toEqual({ name: 'open', epoch: 1, openedAt: NOW, nextProbeAt: NOW + 100 })
    expect(run(open, probe('p'), NOW + 99).state).toBe(open)
    expect(halfOpen).toEqual({
      name: 'half_open',
      epoch: 2,
      openedAt: NOW,
      nextProbeAt: NOW + 150,
      probes: [{ token: 'p', expiresAt: NOW + 150 }],
      successes: 0,
    })
  })

  it('closes after successThreshold probes and tells when', () => {
    const events = ['p', 'q', 'r'].flatMap((token) => [probe(token), report(token, 'success')])
    const { state, changes } = transitionAll(open, events, settings, LATER)
    expect(changes.map((change) => change.reason)).toEqual(['probe_acquired', 'probes_succeeded'])
    expect(state).toEqual({
      name: 'closed',
      epoch: 3,
      closedAt: LATER,
      consecutiveFailures: 0,
      failingSince: null,
      window: null,
    })
  })

  it('starts openForMs again when a probe fails', () => {
    expect(run(halfOpen, report('p', 'failure'), LATER).state).toEqual({
      name: 'open',
      epoch: 3,
      openedAt: LATER,
      nextProbeAt: LATER + 100,
    })
  })

  it('ignores the outcome of an expired probe, an unknown one and one of another epoch', () => {
    expect(run(halfOpen, report('p', 'failure'), NOW + 150).state).toBe(halfOpen)
    expect(run(halfOpen, report('x', 'failure'), LATER).state).toBe(halfOpen)
    const ofOpen: CircuitEvent = { type: 'probe_outcome', token: 'p', outcome: 'failure', epoch: 1 }
    expect(run(halfOpen, ofOpen, LATER).state).toBe(halfOpen)
  })

  it('frees the place of a released probe at once and that of a lost one when its lease ends', () => {
    const released = run(halfOpen, report('p', 'released'), LATER).state
    expect(released).toMatchObject({ probes: [], nextProbeAt: LATER, successes: 0 })
    expect(run(halfOpen, probe('q'), NOW + 149).state).toBe(halfOpen)
    expect(run(halfOpen, probe('q'), NOW + 150).state).toMatchObject({ probes: [{ token: 'q' }] })
  })

  it('gives one place to a token that asks twice, and does not prolong its lease', () => {
    const wide = settingsOf({ openForMs: 100, halfOpenProbes: 3, probeLeaseMs: 50 })
    const once = run(open, probe('p'), LATER, wide).state
    expect(run(once, probe('p'), LATER + 1, wide).state).toBe(once)
    expect(run(once, probe('p'), LATER + 50, wide).state).toMatchObject({
      probes: [{ token: 'p', expiresAt: LATER + 100 }],
    })
  })

  it('takes a lease of its own length, and the default for a senseless one', () => {
    const leased = (leaseMs: number) =>
      run(open, { type: 'probe_acquired', token: 'p', leaseMs }, LATER).state
    expect(leased(7)).toMatchObject({ nextProbeAt: LATER + 7 })
    for (const senseless of [0, -1, Number.NaN])
      expect(leased(senseless)).toMatchObject({ nextProbeAt: LATER + 50 })
  })

  it('waits for as many leases to end as there are probes too many after the settings were lowered', () => {
    const wide = settingsOf({ openForMs: 100, halfOpenProbes: 3, probeLeaseMs: 50 })
    const three = [1, 2, 3].reduce(
      (state, i) =>
        run(state, { type: 'probe_acquired', token: `p${i}`, leaseMs: i * 10 }, LATER, wide).state,
      open,
    )
    const narrow = run(three, report('p1', 'released'), LATER).state
    expect(narrow).toMatchObject({ nextProbeAt: LATER + 30 })
    expect(run(narrow, probe('q'), LATER + 29).state).toBe(narrow)
    expect(run(narrow, probe('q'), LATER + 30).state).toMatchObject({ probes: [{ token: 'q' }] })
  })

  it('takes a slow probe for a failed one if slow calls can open the circuit', () => {
    const slowProbe: CircuitEvent = { type: 'probe_outcome', token: 'p', outcome: 'success', slow: true }
    const slowCall = { durationMs: 10, rate: 0.5 }
    expect(run(halfOpen, slowProbe, LATER).state.name).toBe('half_open')
    expect(run(halfOpen, slowProbe, LATER, { ...settings, slowCall }).state.name).toBe('open')
  })

  it('remembers when held back traffic was let through, and only then', () => {
    const closedAtAfter = (...events: CircuitEvent[]) =>
      transitionAll(initialState(), events, settings, NOW).state
    expect(closedAtAfter(force('forced_open'), force('closed'))).toMatchObject({ closedAt: NOW })
    expect(closedAtAfter(batch(0, 'fffff'), { type: 'reset' })).toMatchObject({ closedAt: NOW })
    expect(closedAtAfter(force('disabled'), force('closed'))).toMatchObject({ closedAt: null })
    expect(closedAtAfter({ type: 'reset' })).toMatchObject({ closedAt: null })
    const ramping = closedAtAfter(force('forced_open'), force('closed'))
    expect(run(ramping, { type: 'reset' }, LATER).state).toMatchObject({ closedAt: NOW })
  })

  it('counts a run across batches and forgets it at a success', () => {
    const counts = (...runs: string[]) =>
      transitionAll(
        initialState(),
        runs.map((calls) => batch(0, calls)),
        settings,
        NOW,
      ).state
    expect(counts('sff', 'ff')).toMatchObject({ name: 'closed', consecutiveFailures: 4 })
    expect(counts('sff', 'ff', 's')).toMatchObject({ consecutiveFailures: 0, failingSince: null })
    expect(counts('sff', 'fffs')).toMatchObject({ name: 'open' })
    expect(counts('sfffffs')).toMatchObject({ name: 'open' })
    expect(counts('fff', 'sfff')).toMatchObject({ name: 'closed', consecutiveFailures: 3 })
  })

  it('ends a run at a success that was held back, if the run had begun by then', () => {
    const failing = run(initialState(), batch(0, 'ffff'), NOW).state
    const held = (at: number) => [{ at, successes: 3, failures: 0, slow: 0 }]
    const withHeld = (at: number) => run(failing, { ...batch(0, 'f'), earlier: held(at) }, LATER).state
    expect(withHeld(NOW - 1)).toMatchObject({ name: 'open' })
    expect(withHeld(NOW + 1)).toMatchObject({ name: 'closed', consecutiveFailures: 1, failingSince: LATER })
    expect(run(failing, { ...batch(0, ''), earlier: held(NOW + 1) }, LATER).state).toMatchObject({
      consecutiveFailures: 0,
      failingSince: null,
    })
  })

  it('spares a new object for a success that changes nothing', () => {
    const state = initialState()
    expect(run(state, batch(0, 's')).state).toBe(state)
    expect(run(state, batch(0, '')).state).toBe(state)
  })

  it('does not let a miscounted batch do more than its failures could', () => {
    const wrong = {
      ...batch(0, 'fs'),
      leadingFailures: 99,
      consecutiveFailures: -3,
      longestFailureRun: 50,
      slow: 9,
    }
    expect(run(initialState(), wrong).state).toMatchObject({ name: 'closed', consecutiveFailures: 0 })
    const endless = { ...batch(0, 'f'), failures: Number.NaN }
    expect(run(initialState(), endless).state).toEqual(initialState())
  })
})

describe('rates', () => {
  const window = { kind: 'count', size: 10 } as const
  const byRate = settingsOf({ failureThreshold: 0, failureRate: 0.5, minimumCalls: 4, window })
  const bySlow = settingsOf({
    failureThreshold: 0,
    slowCall: { durationMs: 1, rate: 0.5 },
    minimumCalls: 4,
    window,
  })
  const ratesAfter = (by: CircuitSettings, ...runs: string[]) =>
    transitionAll(
      initialState(),
      runs.map((calls) => batch(0, calls)),
      by,
      NOW,
    )

  it('say nothing before the window holds minimumCalls', () => {
    expect(ratesAfter(byRate, 'fff').state.name).toBe('closed')
    expect(ratesAfter(byRate, 'fff', 'f').changes).toMatchObject([{ reason: 'failure_rate' }])
  })

  it('open at the rate itself and not below', () => {
    expect(ratesAfter(byRate, 'sssff').state.name).toBe('closed')
    expect(ratesAfter(byRate, 'sssff', 'f').state.name).toBe('open')
  })

  it('never open by a success', () => {
    expect(ratesAfter(byRate, 'fff', 's').state.name).toBe('closed')
    expect(ratesAfter(byRate, 'fff', 's', 'f').state.name).toBe('open')
  })

  it('open by slow calls, whether they succeed or fail', () => {
    expect(ratesAfter(bySlow, 'ssSS').changes).toMatchObject([{ reason: 'slow_call_rate' }])
    expect(ratesAfter(bySlow, 'ssSF').state.name).toBe('open')
    expect(ratesAfter(bySlow, 'SSS', 's').state.name).toBe('closed')
  })

  it('count held back successes before they judge', () => {
    const earlier = [{ at: NOW - 1_000, successes: 9, failures: 0, slow: 0 }]
    const state = transition(initialState(), { ...batch(0, 'ffff'), earlier }, byRate, NOW).state
    expect(state.name).toBe('closed')
    expect(ratesAfter(byRate, 'ffff').state.name).toBe('open')
  })
})
