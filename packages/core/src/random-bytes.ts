import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/**
 * `n` bytes from the operating system's generator. Small requests are cut from a pool, because one call
 * into the generator costs more than making the whole id. The view is valid until the next call.
 */
export function randomBytes(n: number): Uint8Array {
  if (n > POOL_BYTES) return randomFillSync(new Uint8Array(n))
  if (used + n > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += n
  return pool.subarray(used - n, used)
}
