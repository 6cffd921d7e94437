const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/**
 * `n` bytes from the operating system's generator. Small requests are cut from a pool, because one call
 * into the generator costs more than making the whole id. The view is valid until the next call.
 */
export function randomBytes(n: number): Uint8Array {
  if (n > POOL_BYTES) return fill(new Uint8Array(n))
  if (used + n > POOL_BYTES) {
    fill(pool)
    used = 0
  }
  used += n
  return pool.subarray(used - n, used)
}

/** Loaded when it is first needed: that takes as long as a fifth of the start of a bare process. */
function fill(bytes: Uint8Array): Uint8Array {
  return process.getBuiltinModule('node:crypto').randomFillSync(bytes)
}
