import type { OutcomesEvent } from './events.ts'
import { mergeBuckets } from './outcomes.ts'
import type { CircuitSettings, CircuitWindow } from './settings.ts'
import type { CircuitState, TimeBucket, WindowState } from './state.ts'

/** The calls a window holds. Slow ones are among the successes and failures. */
export interface WindowCounts {
  readonly calls: number
  readonly successes: number
  readonly failures: number
  readonly slow: number
}

const NOTHING: WindowCounts = { calls: 0, successes: 0, failures: 0, slow: 0 }

/**
 * What the window of a circuit holds at `nowMs`. All zero where nothing is counted: without a window in the
 * settings, while open, half-open or forced open.
 */
export function windowCounts(state: CircuitState, settings: CircuitSettings, nowMs: number): WindowCounts {
  return 'window' in state ? countWindow(state.window, settings.window, nowMs) : NOTHING
}

/** As {@link windowCounts}, for a window by itself. */
export function countWindow(
  state: WindowState | null,
  window: CircuitWindow | undefined,
  nowMs: number,
): WindowCounts {
  if (state === null || window === undefined) return NOTHING
  if (state.kind === 'time' && window.kind === 'time') {
    return countBuckets(state.buckets, nowMs, window.durationMs)
  }
  if (state.kind === 'count' && window.kind === 'count') return countCalls(state.calls.slice(-window.size))
  return NOTHING
}

/**
 * The window with a sound batch added at `nowMs`. If the settings ask for another kind of window than the one that
 * was kept, it begins anew.
 */
export function recordInWindow(
  state: WindowState | null,
  window: CircuitWindow | undefined,
  batch: OutcomesEvent,
  nowMs: number,
): WindowState | null {
  if (window === undefined) return null
  if (window.kind === 'time') {
    const kept = state?.kind === 'time' ? state.buckets : []
    return { kind: 'time', buckets: recordBuckets(kept, window, batch, nowMs) }
  }
  const kept = state?.kind === 'count' ? state.calls : ''
  return { kind: 'count', calls: recordCalls(kept, window.size, batch) }
}

/** The start of the bucket that a moment falls into. */
function bucketStart(at: number, window: { durationMs: number; buckets: number }): number {
  const width = Math.ceil(window.durationMs / window.buckets)
  return Math.floor(at / width) * width
}

/**
 * Whether a bucket still counts. Only its age decides, so an idle circuit forgets as surely as a busy one. A bucket
 * may lie a little ahead, since clocks of transactions that overlap do; one that lies a whole window ahead was left
 * by a clock that has been set back, and would otherwise never leave.
 */
function isCurrent(bucket: TimeBucket, nowMs: number, durationMs: number): boolean {
  return bucket.at > nowMs - durationMs && bucket.at < nowMs + durationMs
}

function recordBuckets(
  kept: readonly TimeBucket[],
  window: { durationMs: number; buckets: number },
  batch: OutcomesEvent,
  nowMs: number,
): readonly TimeBucket[] {
  const isKept = (bucket: TimeBucket) => isCurrent(bucket, nowMs, window.durationMs)
  const current = kept.every(isKept) ? kept : kept.filter(isKept)
  const earlier = (batch.earlier ?? [])
    .map((bucket) => ({ ...bucket, at: bucketStart(Math.min(bucket.at, nowMs), window) }))
    .filter((bucket) => bucket.successes + bucket.failures > 0 && isKept(bucket))
  const { successes, failures, slow } = batch
  const buckets = earlier.length === 0 ? current : mergeBuckets(current, earlier)
  if (successes + failures === 0) return buckets
  return addBucket(buckets, { at: bucketStart(nowMs, window), successes, failures, slow })
}

/** Nearly every call falls into the last bucket or into a new one after it; only the others need sorting. */
function addBucket(buckets: readonly TimeBucket[], added: TimeBucket): TimeBucket[] {
  const last = buckets.at(-1)
  if (last === undefined || last.at < added.at) return [...buckets, added]
  if (last.at > added.at) return mergeBuckets(buckets, [added])
  const next = buckets.slice()
  next[next.length - 1] = {
    at: last.at,
    successes: last.successes + added.successes,
    failures: last.failures + added.failures,
    slow: last.slow + added.slow,
  }
  return next
}

function countBuckets(buckets: readonly TimeBucket[], nowMs: number, durationMs: number): WindowCounts {
  let successes = 0
  let failures = 0
  let slow = 0
  for (const bucket of buckets) {
    if (!isCurrent(bucket, nowMs, durationMs)) continue
    successes += bucket.successes
    failures += bucket.failures
    slow += bucket.slow
  }
  return { calls: successes + failures, successes, failures, slow }
}

function recordCalls(kept: string, size: number, batch: OutcomesEvent): string {
  let calls = kept
  for (const bucket of batch.earlier ?? []) {
    const total = bucket.successes + bucket.failures
    calls += spell(bucket, (i) => isHit(i, bucket.failures, total), size)
  }
  return (calls + spell(batch, failuresOf(batch), size)).slice(-size)
}

/**
 * Which calls of a batch failed, as far as it tells: the runs at both ends are where they were, and between them,
 * where a batch knows only how many, failures are spread evenly between the first and the last success.
 */
function failuresOf(batch: OutcomesEvent): (i: number) => boolean {
  const { successes, failures, leadingFailures, consecutiveFailures } = batch
  if (successes === 0) return () => true
  const firstSuccess = leadingFailures
  const lastSuccess = successes + failures - consecutiveFailures - 1
  const between = lastSuccess - firstSuccess - 1
  const failuresBetween = failures - leadingFailures - consecutiveFailures
  return (i) => {
    if (i < firstSuccess || i > lastSuccess) return true
    if (i === firstSuccess || i === lastSuccess) return false
    return isHit(i - firstSuccess - 1, failuresBetween, between)
  }
}

/**
 * The last `size` calls as letters. Slow ones are spread evenly, so that a window smaller than the batch keeps a
 * fair sample of it.
 */
function spell(
  batch: Pick<OutcomesEvent, 'successes' | 'failures' | 'slow'>,
  isFailure: (i: number) => boolean,
  size: number,
): string {
  const total = batch.successes + batch.failures
  let letters = ''
  for (let i = Math.max(0, total - size); i < total; i += 1) {
    const letter = isFailure(i) ? 'f' : 's'
    letters += isHit(i, batch.slow, total) ? letter.toUpperCase() : letter
  }
  return letters
}

/** Whether place `i` of `places` is one of the `hits` that are spread evenly over them. */
function isHit(i: number, hits: number, places: number): boolean {
  return Math.floor(((i + 1) * hits) / places) > Math.floor((i * hits) / places)
}

function countCalls(calls: string): WindowCounts {
  let failures = 0
  let slow = 0
  for (const letter of calls) {
    if (letter === 'f' || letter === 'F') failures += 1
    if (letter === 'S' || letter === 'F') slow += 1
  }
  return { calls: calls.length, successes: calls.length - failures, failures, slow }
}
