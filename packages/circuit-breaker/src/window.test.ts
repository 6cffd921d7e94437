import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batch, settingsOf } from '../test/fixtures.ts'
import { type CircuitState, initialState } from './state.ts'
import { transition } from './transition.ts'
import { countWindow, recordInWindow, windowCounts } from './window.ts'

interface Call {
  at: number
  letter: string
}

/** Keeps every call there ever was and counts by looking at all of them. */
function naiveCounts(calls: Call[]) {
  const failures = calls.filter((call) => call.letter.toLowerCase() === 'f').length
  const slow = calls.filter((call) => call.letter === call.letter.toUpperCase()).length
  return { calls: calls.length, successes: calls.length - failures, failures, slow }
}

const letter = fc.constantFrom('s', 'f', 'S', 'F')
const wait = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 5_000 }))

describe('a time window', () => {
  const timeWindow = fc
    .record({ durationMs: fc.integer({ min: 1, max: 500 }), buckets: fc.integer({ min: 1, max: 20 }) })
    .filter((w) => w.buckets <= w.durationMs)

  it('holds what a model that keeps every call holds, however calls and pauses follow each other', () => {
    const step = fc.record({
      wait,
      letters: fc.array(letter, { maxLength: 3 }),
      held: fc.array(fc.record({ ago: fc.nat(600), letter }), { maxLength: 2 }),
    })
    fc.assert(
      fc.property(timeWindow, fc.array(step, { maxLength: 40 }), (shape, steps) => {
        const window = { kind: 'time', ...shape } as const
        const settings = settingsOf({ failureThreshold: 10_000, window })
        const width = Math.ceil(shape.durationMs / shape.buckets)
        const all: Call[] = []
        let state: CircuitState = initialState()
        let nowMs = 1_000_000
        for (const step of steps) {
          nowMs += step.wait
          const earlier = step.held.map(({ ago, letter }) => {
            const at = nowMs - ago
            all.push({ at, letter })
            return { at, ...naiveCounts([{ at, letter }]) }
          })
          for (const letter of step.letters) all.push({ at: nowMs, letter })
          state = transition(state, { ...batch(0, step.letters.join('')), earlier }, settings, nowMs).state

          const current = all.filter((call) => Math.floor(call.at / width) * width > nowMs - shape.durationMs)
          expect(windowCounts(state, settings, nowMs)).toEqual(naiveCounts(current))
          // The promise of the docs, apart from buckets: nothing older than the window, nothing young missing.
          const { calls } = windowCounts(state, settings, nowMs)
          expect(calls).toBeLessThanOrEqual(all.filter((call) => call.at > nowMs - shape.durationMs).length)
          expect(calls).toBeGreaterThanOrEqual(
            all.filter((call) => call.at > nowMs - shape.durationMs + width - 1).length,
          )
        }
      }),
      { numRuns: 300 },
    )
  })

  it('never keeps more buckets than it has', () => {
    fc.assert(
      fc.property(timeWindow, fc.array(wait, { maxLength: 60 }), (shape, waits) => {
        const window = { kind: 'time', ...shape } as const
        let nowMs = 1_000_000
        let state = recordInWindow(null, window, batch(0, 'f'), nowMs)
        for (const pause of waits) {
          nowMs += pause
          state = recordInWindow(state, window, batch(0, 'f'), nowMs)
        }
        expect(state?.kind === 'time' ? state.buckets.length : Number.NaN).toBeLessThanOrEqual(shape.buckets)
      }),
    )
  })

  it('forgets by time alone, without another call', () => {
    const window = { kind: 'time', durationMs: 1_000, buckets: 10 } as const
    const state = recordInWindow(null, window, batch(0, 'ffs'), 50_000)
    expect(countWindow(state, window, 50_000 + 999)).toMatchObject({ calls: 3 })
    expect(countWindow(state, window, 50_000 + 1_000)).toMatchObject({ calls: 0 })
  })

  it('drops what a clock that was set back has left in the future, and forgives a small step', () => {
    const window = { kind: 'time', durationMs: 1_000, buckets: 10 } as const
    const state = recordInWindow(null, window, batch(0, 'f'), 90_000)
    expect(countWindow(state, window, 89_990)).toMatchObject({ calls: 1 })
    expect(countWindow(state, window, 50_000)).toMatchObject({ calls: 0 })
    expect(recordInWindow(state, window, batch(0, 's'), 50_000)).toEqual({
      kind: 'time',
      buckets: [{ at: 50_000, successes: 1, failures: 0, slow: 0 }],
    })
  })

  it('keeps its buckets in order when the clock of an overlapping transaction is a little behind', () => {
    const window = { kind: 'time', durationMs: 1_000, buckets: 10 } as const
    const ahead = recordInWindow(null, window, batch(0, 'f'), 90_000)
    const behind = recordInWindow(ahead, window, batch(0, 's'), 89_990)
    expect(recordInWindow(behind, window, batch(0, 's'), 90_010)).toEqual({
      kind: 'time',
      buckets: [
        { at: 89_900, successes: 1, failures: 0, slow: 0 },
        { at: 90_000, successes: 1, failures: 1, slow: 0 },
      ],
    })
  })

  it('takes an earlier call from the future for one of now', () => {
    const window = { kind: 'time', durationMs: 1_000, buckets: 10 } as const
    const earlier = [{ at: 99_000, successes: 1, failures: 0, slow: 0 }]
    const state = recordInWindow(null, window, { ...batch(0, 'f'), earlier }, 50_000)
    expect(state).toEqual({ kind: 'time', buckets: [{ at: 50_000, successes: 1, failures: 1, slow: 0 }] })
  })
})

/**
 * The window this one is told apart from: a ring that moves on by one bucket at a call in a new bucket, however many
 * buckets of time have passed since the last one.
 */
function ringMovedByCalls(times: number[], buckets: number, widthMs: number): number {
  const ring = new Array<number>(buckets).fill(0)
  let place = 0
  let current: number | undefined
  for (const at of times) {
    const bucket = Math.floor(at / widthMs)
    if (current !== undefined && bucket !== current) {
      place = (place + 1) % buckets
      ring[place] = 0
    }
    current = bucket
    ring[place] = (ring[place] ?? 0) + 1
  }
  return ring.reduce((sum, failures) => sum + failures, 0)
}

describe('a pause', () => {
  // Ten buckets of a second; the rates are judged from ten calls on.
  const window = { kind: 'time', durationMs: 10_000, buckets: 10 } as const
  const settings = settingsOf({ failureThreshold: 0, failureRate: 0.5, minimumCalls: 10, window })

  it('of ten minutes after nine failures leaves nothing that one more failure could add to', () => {
    const spread = Array.from({ length: 9 }, (_, i) => 1_000_000 + i * 1_000)
    const last = 1_000_000 + 9_000 + 600_000
    const times = [...spread, last]
    const state = times.reduce<CircuitState>(
      (before, at) => transition(before, batch(before.epoch, 'f'), settings, at).state,
      initialState(),
    )
    expect(state.name).toBe('closed')
    expect(windowCounts(state, settings, last)).toMatchObject({ calls: 1, failures: 1 })
    expect(ringMovedByCalls(times, 10, 1_000)).toBe(10)
  })

  it('that is shorter than the window changes nothing: ten failures in ten seconds do open', () => {
    const state = Array.from({ length: 10 }, (_, i) => 1_000_000 + i * 1_000).reduce<CircuitState>(
      (before, at) => transition(before, batch(before.epoch, 'f'), settings, at).state,
      initialState(),
    )
    expect(state.name).toBe('open')
  })
})

describe('a count window', () => {
  const sizes = fc.integer({ min: 1, max: 30 })

  it('holds exactly the last calls, whenever they were', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.record({ wait, letter }), { maxLength: 80 }), (size, calls) => {
        const settings = settingsOf({ failureThreshold: 10_000, window: { kind: 'count', size } })
        const all: Call[] = []
        let state: CircuitState = initialState()
        let nowMs = 0
        for (const call of calls) {
          nowMs += call.wait
          all.push({ at: nowMs, letter: call.letter })
          state = transition(state, batch(0, call.letter), settings, nowMs).state
          expect(windowCounts(state, settings, nowMs)).toEqual(naiveCounts(all.slice(-size)))
          expect(state).toMatchObject({
            window: { calls: expect.stringMatching(new RegExp(`^.{0,${size}}$`)) },
          })
        }
      }),
    )
  })

  it('keeps a batch whole if it fits, and a fair sample with its true end if not', () => {
    fc.assert(
      fc.property(sizes, fc.array(letter, { maxLength: 60 }), (size, letters) => {
        const calls = letters.join('')
        const window = { kind: 'count', size } as const
        const state = recordInWindow(null, window, batch(0, calls), 0)
        const counts = countWindow(state, window, 0)
        const truth = naiveCounts(letters.map((letter) => ({ at: 0, letter })))
        expect(counts.calls).toBe(Math.min(size, truth.calls))
        if (truth.calls <= size) expect(counts).toEqual(truth)
        const kept = state?.kind === 'count' ? state.calls.toLowerCase() : ''
        const runAtEnd = /f*$/i.exec(calls)?.[0].length ?? 0
        expect(/f*$/.exec(kept)?.[0].length).toBe(Math.min(runAtEnd, size))
      }),
    )
  })

  it('puts earlier calls before those of the batch', () => {
    const earlier = [{ at: 0, successes: 0, failures: 2, slow: 0 }]
    const window = { kind: 'count', size: 4 } as const
    const state = recordInWindow(null, window, { ...batch(0, 'Ss'), earlier }, 9)
    expect(state?.kind === 'count' ? state.calls.toLowerCase() : '').toBe('ffss')
    expect(countWindow(state, window, 9)).toEqual({ calls: 4, successes: 2, failures: 2, slow: 1 })
  })
})

describe('a window of another kind', () => {
  it('begins anew when the settings change, and is dropped when they ask for none', () => {
    const byCount = { kind: 'count', size: 5 } as const
    const byTime = { kind: 'time', durationMs: 1_000, buckets: 10 } as const
    const counted = recordInWindow(null, byCount, batch(0, 'fff'), 0)
    expect(countWindow(counted, byTime, 0)).toMatchObject({ calls: 0 })
    const timed = recordInWindow(counted, byTime, batch(0, 'f'), 0)
    expect(timed).toMatchObject({ kind: 'time', buckets: [{ failures: 1 }] })
    expect(recordInWindow(timed, byCount, batch(0, 's'), 0)).toEqual({ kind: 'count', calls: 's' })
    expect(recordInWindow(timed, undefined, batch(0, 's'), 0)).toBeNull()
  })
})
