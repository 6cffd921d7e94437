export { type Clock, type Random, systemClock } from './clock.ts'
export {
  ConflictError,
  describeIssues,
  type ErrorCode,
  IdempotencyError,
  NotFoundError,
  PayloadTooLargeError,
  PosthornError,
  type PosthornErrorOptions,
  UnavailableError,
  ValidationError,
  type ValidationIssue,
} from './errors.ts'
export {
  classifyStatus,
  countsForCircuit,
  FAILURE_CLASSES,
  type FailureClass,
  type StatusClass,
  type Verdict,
  verdictOf,
} from './failures.ts'
export {
  bucketOf,
  mergeHistogram,
  percentile,
  recordDuration,
  type SparseHistogram,
  valueOfBucket as valueOf,
} from './histogram.ts'
export { formatId, type IdPrefix, newRequestId, parseId } from './ids.ts'
export { type HeaderValues, isSecretHeader, REDACTED, redactHeaders, redactUrl } from './redact.ts'
export { err, ok, type Result } from './result.ts'
export { type RetryContext, type RetryNotice, type RetryOptions, retry } from './retry.ts'
export { parseRetryAfter } from './retry-after.ts'
export { type NextDelayOptions, nextDelayMs } from './retry-delay.ts'
export {
  DEFAULT_MAX_AGE_MS,
  type ExponentialPolicy,
  type Jitter,
  MAX_RETRY_AFTER_MS,
  policySpanMs,
  RETRY_LIMITS,
  RETRY_PRESETS,
  type RetryPolicy,
  type RetryPresetName,
  type SchedulePolicy,
} from './retry-policy.ts'
export { parseRetryPolicy } from './retry-policy-parse.ts'
export { sleep } from './sleep.ts'
export {
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  type TraceContext,
} from './trace.ts'
export { classifyTransportError } from './transport-errors.ts'
export { canonicalUuid, createUuidV7, type UuidV7Options, uuidDigits, uuidv7, uuidv7Time } from './uuid.ts'
