import { closeSync, openSync, readSync } from 'node:fs'

/**
 * `n` random bytes of the operating system. From its device where there is one: `node:crypto` gives the
 * same bytes, and loading it costs a third of a bare start of Node.
 */
export function randomBytes(n: number): Uint8Array {
  const bytes = new Uint8Array(n)
  try {
    const fd = openSync('/dev/urandom', 'r')
    try {
      if (readSync(fd, bytes) === n) return bytes
    } finally {
      closeSync(fd)
    }
  } catch {
    // Windows has no such device, and some containers do not show it.
  }
  return process.getBuiltinModule('node:crypto').randomFillSync(bytes)
}
