import { describe, expect, it } from 'vitest'
import { parseCircuitState } from './parse-state.ts'

const pathsOf = (input: unknown) => {
  const parsed = parseCircuitState(input, 'circuit')
  return parsed.ok ? [] : parsed.error.map((issue) => issue.path)
}
const record = { consecutiveFailures: 0, failingSince: null, window: null }

describe('parseCircuitState', () => {
  it.each([
    { name: 'closed', epoch: 0, closedAt: null, ...record },
    {
      name: 'closed',
      epoch: 4,
      closedAt: 9,
      consecutiveFailures: 2,
      failingSince: 7,
      window: { kind: 'count', calls: 'sfSF' },
    },
    {
      name: 'disabled',
      epoch: 1,
      ...record,
      window: { kind: 'time', buckets: [{ at: 1, successes: 1, failures: 0, slow: 0 }] },
    },
    { name: 'open', epoch: 1, openedAt: 1, nextProbeAt: 2 },
    {
      name: 'half_open',
      epoch: 2,
      openedAt: 1,
      nextProbeAt: 2,
      successes: 0,
      probes: [{ token: 'a', expiresAt: 2 }],
    },
    { name: 'forced_open', epoch: 3 },
  ])('accepts $name', (state) => {
    expect(parseCircuitState(state)).toEqual({ ok: true, value: state })
  })

  it.each([undefined, null, 'closed', 7, [], {}, { name: 'ajar', epoch: 0 }])(
    'refuses what is no state: %o',
    (input) => {
      expect(pathsOf(input)).toEqual(['circuit.name'])
    },
  )

  it('reports every mistake at once, with its place', () => {
    const half = {
      name: 'half_open',
      epoch: -1,
      openedAt: '1',
      successes: 0.5,
      probes: [{ token: '' }, 3],
      extra: 1,
    }
    expect(pathsOf(half).sort()).toEqual([
      'circuit.epoch',
      'circuit.extra',
      'circuit.nextProbeAt',
      'circuit.openedAt',
      'circuit.probes[0].expiresAt',
      'circuit.probes[0].token',
      'circuit.probes[1]',
      'circuit.probes[1].expiresAt',
      'circuit.probes[1].token',
      'circuit.successes',
    ])
  })

  it('refuses windows that it could not count', () => {
    const withWindow = (window: unknown) => pathsOf({ name: 'disabled', epoch: 0, ...record, window })
    expect(withWindow({ kind: 'count', calls: 'sfx' })).toEqual(['circuit.window.calls'])
    expect(withWindow({ kind: 'time', buckets: {} })).toEqual(['circuit.window.buckets'])
    expect(withWindow({ kind: 'ring' })).toEqual(['circuit.window.kind'])
    expect(withWindow(undefined)).toEqual(['circuit.window.kind'])
  })

  it('refuses the fields of another state', () => {
    expect(pathsOf({ name: 'forced_open', epoch: 0, openedAt: 1 })).toEqual(['circuit.openedAt'])
  })
})
