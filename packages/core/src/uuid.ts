import { randomBytes } from './random-bytes.ts'

/** Where a UUIDv7 takes its time (epoch milliseconds) and its random bytes from. */
export interface UuidV7Options {
  now?: () => number
  /** Must return at least `n` random bytes; they are read before the next call. */
  random?: (n: number) => Uint8Array
}

interface Sequence {
  timeMs: number
  counter: number
  /**
   * The last id. The next one is written over it: a text put together of pieces takes four times the memory, and longer
   * to read.
   */
  readonly text: Buffer
}

const MAX_TIME_MS = 2 ** 48 - 1
const MAX_COUNTER = 0xfff
/** A fresh millisecond starts in the lower half of the counter, so that there is room to count up. */
const SEED_MASK = 0x7ff

const newSequence = (): Sequence => ({
  timeMs: -1,
  counter: 0,
  text: Buffer.from('00000000-0000-7000-8000-000000000000', 'latin1'),
})

/**
 * RFC 9562 section 6.2, method 1: the 12 bits behind the timestamp count within one millisecond. A clock
 * that stands still or goes back keeps the last time; a full counter borrows the next millisecond.
 */
function next(sequence: Sequence, nowMs: number, random: (n: number) => Uint8Array): string {
  const now = Math.min(Math.max(Math.floor(nowMs) || 0, 0), MAX_TIME_MS)
  const bytes = random(10)
  if (now > sequence.timeMs) {
    setTime(sequence, now)
    sequence.counter = (((bytes[8] ?? 0) << 8) | (bytes[9] ?? 0)) & SEED_MASK
  } else if (sequence.counter < MAX_COUNTER) {
    sequence.counter += 1
  } else {
    if (sequence.timeMs >= MAX_TIME_MS) throw new RangeError('UUIDv7: no later time fits into 48 bits')
    setTime(sequence, sequence.timeMs + 1)
    sequence.counter = 0
  }
  const { counter, text } = sequence
  putByte(text, 14, 0x70 | (counter >> 8))
  putByte(text, 16, counter & 0xff)
  putByte(text, 19, 0x80 | ((bytes[0] ?? 0) & 0x3f))
  putByte(text, 21, bytes[1] ?? 0)
  for (let i = 2; i < 8; i++) putByte(text, 20 + 2 * i, bytes[i] ?? 0)
  return text.toString('latin1')
}

const DIGITS = Buffer.from('0123456789abcdef', 'latin1')

function putByte(text: Buffer, at: number, byte: number): void {
  text[at] = DIGITS[byte >> 4] ?? 0
  text[at + 1] = DIGITS[byte & 0xf] ?? 0
}

function setTime(sequence: Sequence, timeMs: number): void {
  sequence.timeMs = timeMs
  const digits = timeMs.toString(16).padStart(12, '0')
  sequence.text.write(digits.slice(0, 8), 0, 'latin1')
  sequence.text.write(digits.slice(8), 9, 'latin1')
}

/**
 * A generator of UUIDv7 with an order of its own: each id is greater than the one before, also when
 * the clock goes back or stands still.
 */
export function createUuidV7(options: UuidV7Options = {}): () => string {
  const sequence = newSequence()
  const { now = Date.now, random = randomBytes } = options
  return () => next(sequence, now(), random)
}

// A clock brought by a caller may be years ahead; it must not drag the ids of everybody else along.
const systemSequence = newSequence()
const injectedSequence = newSequence()

/**
 * A UUIDv7 (RFC 9562) in canonical form: lower case with dashes. Ids of one process are strictly
 * increasing. Ids made with a `now` of the caller's own have an order of their own; for several such
 * clocks use {@link createUuidV7}.
 */
export function uuidv7(options?: UuidV7Options): string {
  if (options?.now === undefined) return next(systemSequence, Date.now(), options?.random ?? randomBytes)
  return next(injectedSequence, options.now(), options.random ?? randomBytes)
}

const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/

/** The canonical form of a UUID written with or without dashes, in any case; undefined for other text. */
export function canonicalUuid(text: string): string | undefined {
  if (text.length !== 36 && text.length !== 32) return undefined
  const match = UUID.exec(text.toLowerCase())
  return match ? match.slice(1).join('-') : undefined
}

/** The 32 lower-case hexadecimal digits of a UUID, which are also a trace id of W3C Trace Context. */
export function uuidDigits(uuid: string): string {
  if (uuid.length !== 36) return uuid.replaceAll('-', '').toLowerCase()
  // Cut at the places where dashes are: every delivery needs this several times, and a search costs four times as much.
  return (
    uuid.slice(0, 8) +
    uuid.slice(9, 13) +
    uuid.slice(14, 18) +
    uuid.slice(19, 23) +
    uuid.slice(24)
  ).toLowerCase()
}

/**
 * The time in a UUIDv7, in milliseconds since the Unix epoch.
 * @throws TypeError when the text is not a version 7 UUID.
 */
export function uuidv7Time(uuid: string): number {
  const canonical = canonicalUuid(uuid)
  if (canonical === undefined || canonical[14] !== '7') throw new TypeError('not a version 7 UUID')
  return Number.parseInt(canonical.slice(0, 8) + canonical.slice(9, 13), 16)
}
