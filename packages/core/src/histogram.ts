/** Ratio of one bucket's upper bound to the next: the middle of a bucket is within 1.97 % of its ends. */
const GAMMA = 1.04
const LOG_GAMMA = Math.log(GAMMA)
/** Values below this (one microsecond) count as zero. */
const SMALLEST_MS = 0.001
/** Values above this (about 317 years) count as this. Keeps every bucket within a smallint. */
const LARGEST_MS = 1e13

/** Counts by bucket; buckets without a value are absent. */
export type SparseHistogram = ReadonlyMap<number, number>

/**
 * The bucket of a duration in milliseconds: 0 for nothing, then logarithmic. A duration that is
 * negative or not a number, which only a broken clock gives, counts as 0.
 */
export function bucketOf(ms: number): number {
  if (!(ms >= SMALLEST_MS)) return 0
  return 1 + Math.ceil(Math.log(Math.min(ms, LARGEST_MS) / SMALLEST_MS) / LOG_GAMMA)
}

/** The duration, in milliseconds, that stands for all values of a bucket: at most 2 % away from each. */
export function valueOfBucket(bucket: number): number {
  return bucket <= 0 ? 0 : (SMALLEST_MS * GAMMA ** (bucket - 1) * 2) / (1 + GAMMA)
}

/**
 * The value, in milliseconds, below or at which the share `q` of all recorded values lies (nearest
 * rank), at most 2 % away from the exact one. Undefined when nothing was recorded.
 * @throws RangeError when `q` is not within 0 and 1.
 */
export function percentile(sparse: SparseHistogram, q: number): number | undefined {
  if (!(q >= 0 && q <= 1)) throw new RangeError('a percentile is asked for as a number from 0 to 1')
  let total = 0
  for (const count of sparse.values()) total += count
  if (total === 0) return undefined
  // 0.07 × 100 is a little more than 7 in floating point; its rank is 7 all the same.
  const rank = Math.max(1, Math.ceil(q * total * (1 - 4 * Number.EPSILON)))
  let seen = 0
  let last = 0
  for (const bucket of [...sparse.keys()].sort((a, b) => a - b)) {
    seen += sparse.get(bucket) ?? 0
    last = bucket
    if (seen >= rank) break
  }
  return valueOfBucket(last)
}

/** Adds one duration, in milliseconds, to a histogram. */
export function recordDuration(histogram: Map<number, number>, ms: number): void {
  const bucket = bucketOf(ms)
  histogram.set(bucket, (histogram.get(bucket) ?? 0) + 1)
}

/** Adds all counts of `from` to `into`. */
export function mergeHistogram(into: Map<number, number>, from: SparseHistogram): void {
  for (const [bucket, count] of from) into.set(bucket, (into.get(bucket) ?? 0) + count)
}
