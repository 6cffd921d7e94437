import type { Result, ValidationIssue } from '@posthorn/core'
import { type Fields, Inspector, isFields, join } from './inspector.ts'
import type { CallRecord, CircuitState, Probe, TimeBucket, WindowState } from './state.ts'

const NAMES = "'closed', 'open', 'half_open', 'disabled' or 'forced_open'"
const RECORD_FIELDS = ['consecutiveFailures', 'failingSince', 'window'] as const
const MOST = Number.MAX_SAFE_INTEGER

/**
 * Checks a circuit that was kept as JSON (a file, a cache, a column) before it is trusted. Every mistake is reported
 * at once. What `transition` makes parses to itself.
 */
export function parseCircuitState(input: unknown, path = ''): Result<CircuitState, ValidationIssue[]> {
  const inspector = new Inspector()
  const state = readState(inspector, input, path)
  return state !== undefined && inspector.issues.length === 0
    ? { ok: true, value: state }
    : { ok: false, error: inspector.issues }
}

function readState(inspector: Inspector, input: unknown, path: string): CircuitState | undefined {
  const name = isFields(input) ? input.name : undefined
  const fields = (...known: string[]) => inspector.fields(input, path, ['name', 'epoch', ...known])
  const whole = (of: Fields | undefined, field: string) =>
    readWhole(inspector, of?.[field], join(path, field))
  switch (name) {
    case 'closed': {
      const of = fields('closedAt', ...RECORD_FIELDS)
      const closedAt =
        of?.closedAt === null ? null : readMoment(inspector, of?.closedAt, join(path, 'closedAt'))
      return { name, epoch: whole(of, 'epoch'), closedAt, ...readRecord(inspector, of, path) }
    }
    case 'disabled': {
      const of = fields(...RECORD_FIELDS)
      return { name, epoch: whole(of, 'epoch'), ...readRecord(inspector, of, path) }
    }
    case 'open': {
      const of = fields('openedAt', 'nextProbeAt')
      const moment = (field: string) => readMoment(inspector, of?.[field], join(path, field))
      return {
        name,
        epoch: whole(of, 'epoch'),
        openedAt: moment('openedAt'),
        nextProbeAt: moment('nextProbeAt'),
      }
    }
    case 'half_open': {
      const of = fields('openedAt', 'nextProbeAt', 'probes', 'successes')
      const moment = (field: string) => readMoment(inspector, of?.[field], join(path, field))
      return {
        name,
        epoch: whole(of, 'epoch'),
        openedAt: moment('openedAt'),
        nextProbeAt: moment('nextProbeAt'),
        probes: readList(inspector, of?.probes, join(path, 'probes'), readProbe),
        successes: whole(of, 'successes'),
      }
    }
    case 'forced_open':
      return { name, epoch: whole(fields(), 'epoch') }
    default:
      return inspector.refuse(join(path, 'name'), `must be ${NAMES}`, NAMES)
  }
}

function readRecord(inspector: Inspector, of: Fields | undefined, path: string): CallRecord {
  const since = of?.failingSince
  return {
    consecutiveFailures: readWhole(inspector, of?.consecutiveFailures, join(path, 'consecutiveFailures')),
    failingSince: since === null ? null : readMoment(inspector, since, join(path, 'failingSince')),
    window: of?.window === null ? null : readWindow(inspector, of?.window, join(path, 'window')),
  }
}

function readWindow(inspector: Inspector, input: unknown, path: string): WindowState | null {
  const kind = isFields(input) ? input.kind : undefined
  if (kind === 'time') {
    const of = inspector.fields(input, path, ['kind', 'buckets'])
    return { kind, buckets: readList(inspector, of?.buckets, join(path, 'buckets'), readBucket) }
  }
  if (kind === 'count') {
    const calls = inspector.fields(input, path, ['kind', 'calls'])?.calls
    if (typeof calls === 'string' && /^[sfSF]*$/.test(calls)) return { kind, calls }
    inspector.refuse(join(path, 'calls'), 'must be a text of the letters s, f, S and F', 'string')
    return null
  }
  inspector.refuse(join(path, 'kind'), "must be 'time' or 'count'", "'time' | 'count'")
  return null
}

function readBucket(inspector: Inspector, input: unknown, path: string): TimeBucket {
  const of = inspector.fields(input, path, ['at', 'successes', 'failures', 'slow'])
  const whole = (field: string) => readWhole(inspector, of?.[field], join(path, field))
  return {
    at: readMoment(inspector, of?.at, join(path, 'at')),
    successes: whole('successes'),
    failures: whole('failures'),
    slow: whole('slow'),
  }
}

function readProbe(inspector: Inspector, input: unknown, path: string): Probe {
  const of = inspector.fields(input, path, ['token', 'expiresAt'])
  const token = typeof of?.token === 'string' ? of.token : ''
  if (token === '') inspector.refuse(join(path, 'token'), 'must be a text that is not empty', 'string')
  return { token, expiresAt: readMoment(inspector, of?.expiresAt, join(path, 'expiresAt')) }
}

function readList<T>(
  inspector: Inspector,
  input: unknown,
  path: string,
  read: (inspector: Inspector, input: unknown, path: string) => T,
): T[] {
  if (Array.isArray(input)) return input.map((item, i) => read(inspector, item, `${path}[${i}]`))
  inspector.refuse(path, 'must be a list', 'array')
  return []
}

/** The readers answer a stand-in for a wrong value: the issue it left keeps the state from being used. */
function readWhole(inspector: Inspector, input: unknown, path: string): number {
  return inspector.required(inspector.integer(input, path, 0, MOST), input, path) ?? 0
}

function readMoment(inspector: Inspector, input: unknown, path: string): number {
  if (typeof input === 'number' && Number.isFinite(input)) return input
  inspector.refuse(path, 'must be a moment in epoch milliseconds', 'number')
  return 0
}
