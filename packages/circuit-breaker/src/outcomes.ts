import type { OutcomesEvent } from './events.ts'
import type { TimeBucket } from './state.ts'

/** A batch with nothing in it, for calls admitted in `epoch`. */
export function outcomesOf(epoch: number): OutcomesEvent {
  return {
    type: 'outcomes',
    epoch,
    successes: 0,
    failures: 0,
    slow: 0,
    leadingFailures: 0,
    consecutiveFailures: 0,
    longestFailureRun: 0,
  }
}

/** A batch of one call. */
export function outcomeOf(epoch: number, outcome: 'success' | 'failure', slow = false): OutcomesEvent {
  const failures = outcome === 'failure' ? 1 : 0
  return {
    type: 'outcomes',
    epoch,
    successes: 1 - failures,
    failures,
    slow: slow ? 1 : 0,
    leadingFailures: failures,
    consecutiveFailures: failures,
    longestFailureRun: failures,
  }
}

/** The batch with one more call at its end. */
export function addOutcome(
  batch: OutcomesEvent,
  outcome: 'success' | 'failure',
  slow = false,
): OutcomesEvent {
  return mergeOutcomes(batch, outcomeOf(batch.epoch, outcome, slow))
}

/**
 * Two batches laid end to end, `first` before `second`. Both must be of one epoch.
 *
 * Batches of workers that sent at the same time have no true order; laid end to end they can miss, or make, a run
 * only out of calls that happened within one flush of each other. All of a made run's failures are real.
 *
 * @throws RangeError if the epochs differ
 */
export function mergeOutcomes(first: OutcomesEvent, second: OutcomesEvent): OutcomesEvent {
  if (first.epoch !== second.epoch) {
    throw new RangeError(`cannot merge outcomes of epoch ${first.epoch} with those of epoch ${second.epoch}`)
  }
  const seam = first.consecutiveFailures + second.leadingFailures
  const earlier = mergeBuckets(first.earlier ?? [], second.earlier ?? [])
  return {
    type: 'outcomes',
    epoch: first.epoch,
    successes: first.successes + second.successes,
    failures: first.failures + second.failures,
    slow: first.slow + second.slow,
    leadingFailures: first.successes === 0 ? first.failures + second.leadingFailures : first.leadingFailures,
    consecutiveFailures:
      second.successes === 0 ? first.consecutiveFailures + second.failures : second.consecutiveFailures,
    longestFailureRun: Math.max(longestRun(first), longestRun(second), seam),
    ...(earlier.length === 0 ? {} : { earlier }),
  }
}

/**
 * For a sender that spares the store the batches of a circuit it knows to be closed and without failures: `held` with
 * the calls of `batch` among its earlier ones, in the step that begins at `at` by the store's clock (a whole second,
 * say). What is older than `keepMs` is dropped; more than the circuit's window is never looked at. When a batch is
 * worth sending, send `mergeOutcomes(held, batch)` and begin again with `outcomesOf(epoch)`.
 *
 * A batch with failures is worth sending: held back, they would no longer be part of a run.
 *
 * @throws RangeError if the epochs differ
 */
export function holdBack(
  held: OutcomesEvent,
  batch: OutcomesEvent,
  at: number,
  keepMs: number,
): OutcomesEvent {
  const { successes, failures, slow } = batch
  const blank = outcomesOf(batch.epoch)
  const step = { ...blank, earlier: [...(batch.earlier ?? []), { at, successes, failures, slow }] }
  const merged = mergeOutcomes(held, step)
  return { ...merged, earlier: (merged.earlier ?? []).filter((bucket) => bucket.at > at - keepMs) }
}

/** The longest run of failures inside a batch, or the least that is known of it. */
export function longestRun(batch: OutcomesEvent): number {
  return Math.max(batch.longestFailureRun ?? 0, batch.leadingFailures, batch.consecutiveFailures)
}

/** Buckets of both lists in order of time, those of the same start added up. */
export function mergeBuckets(a: readonly TimeBucket[], b: readonly TimeBucket[]): TimeBucket[] {
  const merged: TimeBucket[] = []
  for (const bucket of [...a, ...b].sort((x, y) => x.at - y.at)) {
    const last = merged.at(-1)
    if (last?.at === bucket.at) merged[merged.length - 1] = addBuckets(last, bucket)
    else merged.push(bucket)
  }
  return merged
}

function addBuckets(a: TimeBucket, b: TimeBucket): TimeBucket {
  return {
    at: a.at,
    successes: a.successes + b.successes,
    failures: a.failures + b.failures,
    slow: a.slow + b.slow,
  }
}

/**
 * The batch with impossible figures mended: counts are whole and not negative, no more calls are slow than there
 * are calls, and runs fit into the failures. A circuit must survive whatever a caller miscounted.
 */
export function soundOutcomes(batch: OutcomesEvent): OutcomesEvent {
  const successes = count(batch.successes)
  const failures = count(batch.failures)
  const leadingFailures = successes === 0 ? failures : Math.min(count(batch.leadingFailures), failures)
  const consecutiveFailures = soundTrailingRun(batch, successes, failures, leadingFailures)
  const longest = Math.min(count(batch.longestFailureRun ?? 0), failures)
  return {
    type: 'outcomes',
    epoch: batch.epoch,
    successes,
    failures,
    slow: Math.min(count(batch.slow), successes + failures),
    leadingFailures,
    consecutiveFailures,
    longestFailureRun: Math.max(longest, leadingFailures, consecutiveFailures),
    ...(batch.earlier === undefined ? {} : { earlier: batch.earlier.map(soundBucket) }),
  }
}

function soundTrailingRun(
  batch: OutcomesEvent,
  successes: number,
  failures: number,
  leading: number,
): number {
  if (successes === 0) return failures
  // Around a single success every failure is at one end or the other.
  return successes === 1 ? failures - leading : Math.min(count(batch.consecutiveFailures), failures - leading)
}

function soundBucket(bucket: TimeBucket): TimeBucket {
  const successes = count(bucket.successes)
  const failures = count(bucket.failures)
  return { at: bucket.at, successes, failures, slow: Math.min(count(bucket.slow), successes + failures) }
}

function count(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.floor(value) : 0
}
