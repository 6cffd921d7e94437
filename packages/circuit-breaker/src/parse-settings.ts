import type { Result, ValidationIssue } from '@posthorn/core'
import { Inspector, join, MAX_DURATION_MS } from './inspector.ts'
import {
  type CircuitSettings,
  type CircuitWindow,
  DEFAULT_CIRCUIT_SETTINGS,
  type SlowCallPolicy,
} from './settings.ts'

const KNOWN_FIELDS = [
  'failureThreshold',
  'window',
  'failureRate',
  'slowCall',
  'minimumCalls',
  'openForMs',
  'halfOpenProbes',
  'successThreshold',
  'probeLeaseMs',
] as const

const DEFAULT_WINDOW = { kind: 'time', durationMs: 60_000, buckets: 12 } as const satisfies CircuitWindow

/** More would make a stored circuit large, and finer steps change no decision. */
const MAX_BUCKETS = 120
const MAX_WINDOW_SIZE = 1_000

/**
 * Checks circuit settings of unknown origin (JSON of an API, a column, an environment) and fills in the defaults.
 *
 * Every mistake is reported at once, a field that does not exist is refused by name, and settings that could never
 * open a circuit are a mistake too. The result parses to itself.
 *
 * @param input an object with any of the fields of {@link CircuitSettings}; `undefined` means all defaults
 * @param path where the input lies in a larger document, for the issues' paths
 */
export function parseCircuitSettings(input: unknown, path = ''): Result<CircuitSettings, ValidationIssue[]> {
  const inspector = new Inspector()
  const fields = inspector.fields(input === undefined ? {} : input, path, KNOWN_FIELDS)
  if (fields === undefined) return { ok: false, error: inspector.issues }

  const whole = (name: (typeof KNOWN_FIELDS)[number], min: number, max: number) =>
    inspector.integer(fields[name], join(path, name), min, max)
  const defaults = DEFAULT_CIRCUIT_SETTINGS

  const failureThreshold = whole('failureThreshold', 0, 10_000) ?? defaults.failureThreshold
  const failureRate = inspector.share(fields.failureRate, join(path, 'failureRate'))
  const slowCall = parseSlowCall(inspector, fields.slowCall, join(path, 'slowCall'))
  const givenWindow = parseWindow(inspector, fields.window, join(path, 'window'))
  const hasRate = fields.failureRate !== undefined || fields.slowCall !== undefined
  const window = givenWindow ?? (hasRate ? DEFAULT_WINDOW : undefined)
  const largestMinimum = window?.kind === 'count' ? window.size : Number.POSITIVE_INFINITY
  const minimumCalls = whole('minimumCalls', 1, 1_000_000) ?? Math.min(defaults.minimumCalls, largestMinimum)

  if (minimumCalls > largestMinimum) {
    inspector.refuse(
      join(path, 'minimumCalls'),
      'must not be larger than window.size, or the rates would never be judged',
      `at most ${largestMinimum}`,
    )
  }
  if (fields.failureThreshold === 0 && !hasRate) {
    inspector.refuse(
      join(path, 'failureThreshold'),
      'is 0 and neither failureRate nor slowCall is set: nothing would ever open the circuit',
    )
  }

  const settings: CircuitSettings = {
    failureThreshold,
    ...(window === undefined ? {} : { window }),
    ...(failureRate === undefined ? {} : { failureRate }),
    ...(slowCall === undefined ? {} : { slowCall }),
    minimumCalls,
    openForMs: whole('openForMs', 1, MAX_DURATION_MS) ?? defaults.openForMs,
    halfOpenProbes: whole('halfOpenProbes', 1, 100) ?? defaults.halfOpenProbes,
    successThreshold: whole('successThreshold', 1, 1_000) ?? defaults.successThreshold,
    probeLeaseMs: whole('probeLeaseMs', 1, MAX_DURATION_MS) ?? defaults.probeLeaseMs,
  }
  return inspector.issues.length === 0
    ? { ok: true, value: settings }
    : { ok: false, error: inspector.issues }
}

function parseWindow(inspector: Inspector, input: unknown, path: string): CircuitWindow | undefined {
  if (input === undefined) return undefined
  const kind = typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined
  if (kind === 'count') {
    const fields = inspector.fields(input, path, ['kind', 'size'])
    const sizePath = join(path, 'size')
    const size = inspector.required(
      inspector.integer(fields?.size, sizePath, 1, MAX_WINDOW_SIZE),
      fields?.size,
      sizePath,
    )
    return size === undefined ? undefined : { kind: 'count', size }
  }
  if (kind === 'time') {
    const fields = inspector.fields(input, path, ['kind', 'durationMs', 'buckets'])
    const durationPath = join(path, 'durationMs')
    const bucketsPath = join(path, 'buckets')
    const durationMs = inspector.required(
      inspector.integer(fields?.durationMs, durationPath, 1, MAX_DURATION_MS),
      fields?.durationMs,
      durationPath,
    )
    const most = Math.min(MAX_BUCKETS, durationMs ?? MAX_BUCKETS)
    const given = inspector.integer(fields?.buckets, bucketsPath, 1, most)
    if (durationMs === undefined || (given === undefined && fields?.buckets !== undefined)) return undefined
    return { kind: 'time', durationMs, buckets: given ?? Math.min(DEFAULT_WINDOW.buckets, durationMs) }
  }
  return inspector.refuse(join(path, 'kind'), "must be 'time' or 'count'", "'time' | 'count'")
}

function parseSlowCall(inspector: Inspector, input: unknown, path: string): SlowCallPolicy | undefined {
  if (input === undefined) return undefined
  const fields = inspector.fields(input, path, ['durationMs', 'rate'])
  if (fields === undefined) return undefined
  const durationPath = join(path, 'durationMs')
  const ratePath = join(path, 'rate')
  const durationMs = inspector.required(
    inspector.integer(fields.durationMs, durationPath, 1, MAX_DURATION_MS),
    fields.durationMs,
    durationPath,
  )
  const rate = inspector.required(inspector.share(fields.rate, ratePath), fields.rate, ratePath)
  return durationMs === undefined || rate === undefined ? undefined : { durationMs, rate }
}
