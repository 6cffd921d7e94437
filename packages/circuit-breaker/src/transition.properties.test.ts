import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batch, settingsOf } from '../test/fixtures.ts'
import type { CircuitEvent } from './events.ts'
import { holdBack, mergeOutcomes, outcomesOf } from './outcomes.ts'
import { parseCircuitState } from './parse-state.ts'
import { allowance, holdsProbe, liveProbes, retryAfterMs } from './probes.ts'
import type { CircuitSettings } from './settings.ts'
import { type CircuitState, initialState } from './state.ts'
import { transition } from './transition.ts'

const settingsArbitrary: fc.Arbitrary<CircuitSettings> = fc
  .record({
    failureThreshold: fc.integer({ min: 1, max: 6 }),
    openForMs: fc.integer({ min: 1, max: 50 }),
    halfOpenProbes: fc.integer({ min: 1, max: 4 }),
    successThreshold: fc.integer({ min: 1, max: 4 }),
    probeLeaseMs: fc.integer({ min: 1, max: 40 }),
    minimumCalls: fc.integer({ min: 1, max: 5 }),
    rates: fc.constantFrom<Partial<CircuitSettings>>(
      {},
      { failureRate: 0.5 },
      { failureRate: 0.4, window: { kind: 'time', durationMs: 60, buckets: 7 } },
      { slowCall: { durationMs: 5, rate: 0.5 }, window: { kind: 'count', size: 8 } },
    ),
  })
  .map(({ rates, ...rest }) => settingsOf({ ...rest, ...rates }))

const calls = fc.string({ unit: fc.constantFrom('s', 'f', 'S', 'F'), maxLength: 12 })
const tokens = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'g')

type MakeEvent = (state: CircuitState, nowMs: number) => CircuitEvent

const eventArbitrary: fc.Arbitrary<MakeEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ calls, lag: fc.integer({ min: 0, max: 1 }) }).map(
      (o): MakeEvent =>
        (state) =>
          batch(state.epoch - o.lag, o.calls),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ ago: fc.integer({ min: -5, max: 100 }), successes: fc.nat(4), calls }).map(
      (o): MakeEvent =>
        (state, nowMs) => ({
          ...batch(state.epoch, o.calls),
          earlier: [{ at: nowMs - o.ago, successes: o.successes, failures: 1, slow: 0 }],
        }),
    ),
  },
  {
    weight: 6,
    arbitrary: tokens.map(
      (token): MakeEvent =>
        () => ({ type: 'probe_acquired', token }),
    ),
  },
  {
    weight: 8,
    arbitrary: fc
      .record({ token: tokens, outcome: fc.constantFrom('success', 'success', 'failure', 'released') })
      .map(
        ({ token, outcome }): MakeEvent =>
          () => ({ type: 'probe_outcome', token, outcome }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('closed', 'disabled', 'forced_open').map(
      (to): MakeEvent =>
        () => ({ type: 'force', to }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<MakeEvent>(() => ({ type: 'reset' })) },
)

const stepArbitrary = fc.record({ wait: fc.integer({ min: 0, max: 30 }), event: eventArbitrary })
const historyArbitrary = fc.array(stepArbitrary, { minLength: 1, maxLength: 80 })

interface Seen {
  before: CircuitState
  after: CircuitState
  event: CircuitEvent
  nowMs: number
}

/** Runs a history and shows every step of it to `check`; answers the last state and moment. */
function live(
  settings: CircuitSettings,
  history: { wait: number; event: MakeEvent }[],
  check: (seen: Seen, changes: readonly { epoch: number; from: string; to: string }[]) => void = () => {},
): { state: CircuitState; nowMs: number } {
  let state = initialState()
  let nowMs = 1_000_000
  for (const step of history) {
    nowMs += step.wait
    const before = state
    const event = step.event(before, nowMs)
    const { state: after, changes } = transition(before, event, settings, nowMs)
    check({ before, after, event, nowMs }, changes)
    state = after
  }
  return { state, nowMs }
}

function outstanding(state: CircuitState, nowMs: number): number {
  return state.name === 'half_open' ? liveProbes(state.probes, nowMs).length : 0
}

describe('a circuit, whatever happens to it', () => {
  const holds = (
    check: (
      settings: CircuitSettings,
      seen: Seen,
      changes: readonly { epoch: number; from: string; to: string }[],
    ) => void,
  ) =>
    fc.assert(
      fc.property(settingsArbitrary, historyArbitrary, (settings, history) => {
        live(settings, history, (seen, changes) => check(settings, seen, changes))
      }),
      { numRuns: 400 },
    )

  it('never has more probes outstanding than allowed', () => {
    holds((settings, { after, nowMs }) => {
      expect(outstanding(after, nowMs)).toBeLessThanOrEqual(settings.halfOpenProbes)
      if (after.name === 'half_open') expect(after.probes.length).toBeLessThanOrEqual(settings.halfOpenProbes)
    })
  })

  it('raises its epoch by one at every announced change, and never otherwise', () => {
    holds((_, { before, after }, changes) => {
      expect(after.epoch).toBe(before.epoch + changes.length)
      expect(changes.length).toBeLessThanOrEqual(1)
      if (changes.length === 0) expect(after.name).toBe(before.name)
      else expect(changes).toMatchObject([{ from: before.name, to: after.name, epoch: after.epoch }])
    })
  })

  it('lets nothing through an open circuit before nextProbeAt', () => {
    holds((settings, { before, after, event, nowMs }) => {
      if (before.name !== 'open' || nowMs >= before.nextProbeAt) return
      expect(allowance(before, settings, nowMs)).toBe(0)
      if (event.type !== 'force' && event.type !== 'reset') expect(after).toBe(before)
    })
  })

  it('grants a probe exactly when it says that it would', () => {
    holds((settings, { before, after, event, nowMs }) => {
      if (event.type !== 'probe_acquired' || holdsProbe(before, event.token, nowMs)) return
      const allowed = allowance(before, settings, nowMs)
      const granted = holdsProbe(after, event.token, nowMs)
      expect(granted).toBe(allowed > 0 && Number.isFinite(allowed))
    })
  })

  it('says truly how long to wait: a probe asked for then is granted', () => {
    holds((settings, { after, nowMs }) => {
      if (after.name !== 'open' && after.name !== 'half_open') return
      const wait = retryAfterMs(after, settings, nowMs) ?? Number.NaN
      expect(after.nextProbeAt).toBeLessThanOrEqual(nowMs + wait)
      const event: CircuitEvent = { type: 'probe_acquired', token: 'fresh' }
      expect(holdsProbe(transition(after, event, settings, nowMs + wait).state, 'fresh', nowMs + wait)).toBe(
        true,
      )
    })
  })

  it('is plain JSON that parses to itself', () => {
    holds((_, { after }) => {
      const copy: unknown = JSON.parse(JSON.stringify(after))
      expect(copy).toEqual(after)
      expect(parseCircuitState(copy)).toEqual({ ok: true, value: after })
    })
  })

  it('does not touch the state it is given', () => {
    fc.assert(
      fc.property(settingsArbitrary, historyArbitrary, eventArbitrary, (settings, history, make) => {
        const { state, nowMs } = live(settings, history)
        const before = JSON.stringify(state)
        transition(state, make(state, nowMs), settings, nowMs)
        expect(JSON.stringify(state)).toBe(before)
      }),
    )
  })

  it('is closed and blank after a reset, from any state', () => {
    fc.assert(
      fc.property(settingsArbitrary, historyArbitrary, (settings, history) => {
        const { state, nowMs } = live(settings, history)
        const after = transition(state, { type: 'reset' }, settings, nowMs).state
        const blank = { name: 'closed', epoch: state.epoch + 1, consecutiveFailures: 0, window: null }
        expect(after).toMatchObject(blank)
      }),
    )
  })

  it('is never stuck: with no help but time and working probes it closes', () => {
    fc.assert(
      fc.property(settingsArbitrary, historyArbitrary, (settings, history) => {
        let { state, nowMs } = live(settings, history)
        fc.pre(state.name === 'open' || state.name === 'half_open')
        for (let i = 0; i < settings.successThreshold; i += 1) {
          nowMs += retryAfterMs(state, settings, nowMs) ?? 0
          const token = `healthy-${i}`
          state = transition(state, { type: 'probe_acquired', token }, settings, nowMs).state
          state = transition(
            state,
            { type: 'probe_outcome', token, outcome: 'success' },
            settings,
            nowMs,
          ).state
          if (state.name === 'closed') break
        }
        expect(state.name).toBe('closed')
      }),
    )
  })
})

describe('batches', () => {
  const parts = fc.array(calls, { minLength: 1, maxLength: 6 })

  it('open a circuit by consecutive failures exactly if their calls would have, one by one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), parts, parts, (failureThreshold, first, second) => {
        const settings = settingsOf({ failureThreshold })
        const merged = second.map((part) => batch(0, part)).reduce(mergeOutcomes)
        const play = (events: CircuitEvent[]) =>
          events.reduce((state, event) => transition(state, event, settings, 5).state, initialState())
        const single = [...[...first, ...second].join('')].map((letter) => batch(0, letter))
        expect(play([...first.map((part) => batch(0, part)), merged])).toEqual(play(single))
      }),
      { numRuns: 500 },
    )
  })

  it('merge to what their calls laid end to end are', () => {
    fc.assert(
      fc.property(parts, (runs) => {
        const merged = runs.map((part) => batch(3, part)).reduce(mergeOutcomes)
        expect(merged).toEqual(batch(3, runs.join('')))
      }),
    )
  })

  it('do not merge across epochs', () => {
    expect(() => mergeOutcomes(batch(1, 's'), batch(2, 's'))).toThrow(RangeError)
  })

  it('keep their earlier calls when merged, step by step in order of time', () => {
    const bucket = (at: number, successes: number) => ({ at, successes, failures: 0, slow: 0 })
    const one = { ...batch(0, 's'), earlier: [bucket(2_000, 1), bucket(1_000, 2)] }
    const two = { ...batch(0, 'f'), earlier: [bucket(2_000, 3)] }
    expect(mergeOutcomes(one, two).earlier).toEqual([bucket(1_000, 2), bucket(2_000, 4)])
  })

  it('that are held back are kept by the step for as long as asked, and go before the next one', () => {
    const first = holdBack(outcomesOf(2), batch(2, 'ss'), 1_000, 5_000)
    const second = holdBack(first, batch(2, 'S'), 1_000, 5_000)
    const third = holdBack(second, batch(2, 's'), 6_000, 5_000)
    expect(second.earlier).toEqual([{ at: 1_000, successes: 3, failures: 0, slow: 1 }])
    expect(mergeOutcomes(third, batch(2, 'ff'))).toEqual({
      ...batch(2, 'ff'),
      earlier: [{ at: 6_000, successes: 1, failures: 0, slow: 0 }],
    })
  })
})
