/** Timeouts of a manifest, milliseconds. Nobody waits for an asynchronous capability, so its app may take longer. */
export const TIMEOUT_LIMITS = Object.freeze({ minMs: 1_000, maxMs: 30_000, maxAsyncMs: 300_000 })

/** Capabilities of one app. */
export const MAX_CAPABILITIES = 100

/** The name of a capability. */
export const CAPABILITY_NAME: RegExp = /^[a-z][a-z0-9_]{0,63}$/

/** What {@link CAPABILITY_NAME} asks for, in words. */
export const CAPABILITY_NAME_MESSAGE =
  'must be lower-case letters, digits and _, at most 64, beginning with a letter'

/** Bounds of `retry`. Tries beyond these are a delivery's business and not a waiting caller's. */
export const RETRY_LIMITS_OF_CALLS = Object.freeze({
  maxAttempts: 20,
  maxDelayMs: 3_600_000,
  maxBackoffMultiplier: 10,
})

/** The longest that an answer is kept for other calls, milliseconds: a day. */
export const MAX_CACHE_TTL_MS = 86_400_000
