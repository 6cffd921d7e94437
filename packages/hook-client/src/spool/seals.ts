import { dirname, join } from 'node:path'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { randomBytes } from '../random-bytes.ts'
import { type Disk, errorCode, temporaryName, tolerate, unlessGone } from './disk.ts'

const KEY_FILE = 'key'
const KEY_BYTES = 32
const KEY_TEXT = /^[0-9a-f]{64}\n$/

/** From here on loading `node:crypto` takes less time than it saves. */
const LARGE_BYTES = 256 * 1024

/**
 * Tells events that this user captured from files that somebody else put into the spool, as a repository that was
 * cloned may: each event is sealed with a secret key of the user's, which lies outside of every project.
 *
 * A seal is HMAC-SHA-256 (RFC 2104). Of an event of usual size not by `node:crypto`, since loading that takes longer.
 */
export class Seals {
  readonly #dirs: readonly string[]
  readonly #disk: Disk
  #keys: Uint8Array[] = []
  #problem: string | undefined
  #isLoaded = false

  /** @param dirs where a key may lie; it is made in the first of them that can be written. Touches nothing. */
  constructor(dirs: readonly string[], disk: Disk) {
    this.#dirs = dirs
    this.#disk = disk
  }

  /** The seal of a text, 64 hexadecimal digits. The key is made when there is none; undefined when it cannot be. */
  seal(text: string): string | undefined {
    this.ready()
    const [key] = this.#keys
    return key && sealWith(key, text)
  }

  /** Why a text's seal is not this user's; undefined when it is. */
  complaint(text: string, seal: unknown): string | undefined {
    if (typeof seal !== 'string') return 'it has no seal: it was not captured here, or without a key'
    const isOurs = () => this.#keys.some((key) => sealWith(key, text) === seal)
    this.#load()
    if (isOurs()) return undefined
    // Another process may have made a new key since.
    this.#isLoaded = false
    this.#load()
    return isOurs() ? undefined : 'its seal is of another key: it was not captured by this user here'
  }

  /** Whether there is a key, which is made when there is none. */
  ready(): boolean {
    this.#load()
    if (this.#keys.length === 0) this.#make()
    return this.#keys.length > 0
  }

  /** Why events cannot be sealed and told apart. Undefined when they can, or when the key is still to be made. */
  problem(): string | undefined {
    this.#load()
    return this.#keys.length > 0 ? undefined : this.#problem
  }

  /** Reads the keys that are there. Those that were read before stay: they seal what was captured until now. */
  #load(): void {
    if (this.#isLoaded) return
    this.#isLoaded = true
    this.#problem = undefined
    for (const dir of this.#dirs) this.#read(dir)
  }

  #read(dir: string): void {
    const path = join(dir, KEY_FILE)
    try {
      const text = unlessGone(() => this.#disk.read(path))
      if (text === undefined) return
      if (!KEY_TEXT.test(text)) throw new Error('it is no key')
      const key = Uint8Array.from(Buffer.from(text.trim(), 'hex'))
      if (!this.#keys.some((known) => Buffer.compare(known, key) === 0)) this.#keys.push(key)
    } catch (error) {
      this.#problem = `${path} cannot be read: ${errorCode(error) ?? (error as Error).message}`
    }
  }

  #make(): void {
    for (const dir of this.#dirs) {
      try {
        makeKey(this.#disk, dir)
      } catch (error) {
        this.#problem ??= `${join(dir, KEY_FILE)} cannot be made: ${errorCode(error) ?? (error as Error).message}`
      }
      // Ours, or that of another capture which was faster.
      this.#read(dir)
      if (this.#keys.length > 0) return
    }
  }
}

function sealWith(key: Uint8Array, text: string): string {
  const bytes = Buffer.from(text)
  return bytes.length < LARGE_BYTES
    ? Buffer.from(hmac(sha256, key, bytes)).toString('hex')
    : process.getBuiltinModule('node:crypto').createHmac('sha256', key).update(bytes).digest('hex')
}

/**
 * Makes the key whole or not at all, and never in place of another: its directory is renamed to where there must be none
 * with a file in it. Of many that try at once one comes through. Hard links would do the same, but not on every disk.
 * @throws what the disk throws, also when there is a key by now
 */
function makeKey(disk: Disk, dir: string): void {
  const fresh = `${dir}.${temporaryName('new')}`
  const path = join(fresh, KEY_FILE)
  disk.makeDir(fresh)
  try {
    const fd = disk.create(path)
    try {
      const bytes = Buffer.from(`${Buffer.from(randomBytes(KEY_BYTES)).toString('hex')}\n`)
      for (let done = 0; done < bytes.length; ) done += disk.write(fd, bytes.subarray(done))
      disk.sync(fd)
    } finally {
      disk.close(fd)
    }
    tolerate(() => disk.syncDir(fresh))
    disk.rename(fresh, dir)
  } catch (error) {
    tolerate(() => disk.remove(path))
    tolerate(() => disk.removeDir(fresh))
    throw error
  }
  tolerate(() => disk.syncDir(dirname(dir)))
}
