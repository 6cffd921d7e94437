import { describe, expect, it } from 'vitest'
import { parseCircuitSettings } from './parse-settings.ts'
import { DEFAULT_CIRCUIT_SETTINGS } from './settings.ts'

const pathsOf = (input: unknown, path?: string) => {
  const parsed = parseCircuitSettings(input, path)
  return parsed.ok ? [] : parsed.error.map((issue) => issue.path)
}
const resultOf = (input: unknown) => {
  const parsed = parseCircuitSettings(input)
  return parsed.ok ? parsed.value : parsed.error
}

describe('parseCircuitSettings', () => {
  it('fills in the defaults', () => {
    expect(resultOf({})).toEqual(DEFAULT_CIRCUIT_SETTINGS)
    expect(resultOf(undefined)).toEqual(DEFAULT_CIRCUIT_SETTINGS)
  })

  it('brings a window with a rate, and a minimum that fits a small one', () => {
    const byDefault = { kind: 'time', durationMs: 60_000, buckets: 12 }
    expect(resultOf({ failureRate: 0.5 })).toMatchObject({ window: byDefault, minimumCalls: 10 })
    expect(resultOf({ failureRate: 0.5, window: { kind: 'count', size: 4 } })).toMatchObject({
      minimumCalls: 4,
    })
    expect(resultOf({ window: { kind: 'time', durationMs: 5 } })).toMatchObject({ window: { buckets: 5 } })
  })

  it.each([
    {},
    { failureThreshold: 0, failureRate: 0.3, window: { kind: 'count', size: 20 } },
    { slowCall: { durationMs: 900, rate: 1 }, minimumCalls: 3, halfOpenProbes: 4 },
    { window: { kind: 'time', durationMs: 30_000, buckets: 6 } },
  ])('parses its own result to itself: %o', (input) => {
    const settings = resultOf(input)
    expect(resultOf(JSON.parse(JSON.stringify(settings)))).toEqual(settings)
  })

  it('reports every mistake at once', () => {
    const input = {
      failureThreshold: -1,
      window: { kind: 'time', durationMs: 0, buckets: 1_000 },
      failureRate: 2,
      slowCall: { durationMs: 'long' },
      minimumCalls: 0,
      openForMs: 1.5,
      halfOpenProbes: 0,
      successThreshold: null,
      probeLeaseMs: Number.POSITIVE_INFINITY,
    }
    expect(pathsOf(input).sort()).toEqual([
      'failureRate',
      'failureThreshold',
      'halfOpenProbes',
      'minimumCalls',
      'openForMs',
      'probeLeaseMs',
      'slowCall.durationMs',
      'slowCall.rate',
      'successThreshold',
      'window.buckets',
      'window.durationMs',
    ])
  })

  it('refuses unknown fields by name, also inside', () => {
    expect(pathsOf({ treshold: 3, window: { kind: 'count', size: 3, buckets: 3 } })).toEqual([
      'treshold',
      'window.buckets',
    ])
  })

  it.each([null, 5, 'default', [], true])('refuses what is no object: %o', (input) => {
    expect(pathsOf(input, 'circuit')).toEqual(['circuit'])
  })

  it('names the place in the larger document', () => {
    expect(pathsOf({ window: { kind: 'ring' } }, 'endpoint.circuit')).toEqual([
      'endpoint.circuit.window.kind',
    ])
  })

  it('says what is missing', () => {
    expect(pathsOf({ window: { kind: 'count' } })).toEqual(['window.size'])
    expect(pathsOf({ window: { kind: 'time' } })).toEqual(['window.durationMs'])
    expect(pathsOf({ slowCall: {} })).toEqual(['slowCall.durationMs', 'slowCall.rate'])
  })

  it('refuses settings that could never open a circuit', () => {
    expect(pathsOf({ failureThreshold: 0 })).toEqual(['failureThreshold'])
    expect(pathsOf({ failureRate: 0.5, minimumCalls: 6, window: { kind: 'count', size: 5 } })).toEqual([
      'minimumCalls',
    ])
  })
})
