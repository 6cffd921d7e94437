import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { err, ok, type Result } from '@posthorn/core'

/** A symmetric key of Standard Webhooks: 24 to 64 bytes, written `whsec_` + base64. */
export interface HmacSecret {
  readonly version: 'v1'
  readonly key: Buffer
}

/** An ed25519 key of Standard Webhooks; `privateKey` is absent when only the public half (`whpk_`) was given. */
export interface Ed25519Secret {
  readonly version: 'v1a'
  readonly privateKey: KeyObject | undefined
  readonly publicKey: KeyObject
}

/** A parsed secret; nothing of the key is printable by accident in an error message of this package. */
export type ParsedSecret = HmacSecret | Ed25519Secret

const MIN_HMAC_BYTES = 24
const MAX_HMAC_BYTES = 64
const SEED_BYTES = 32
/** DER of `PrivateKeyInfo` for ed25519 up to the 32 bytes of the seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
/** DER of `SubjectPublicKeyInfo` for ed25519 up to the 32 bytes of the key (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Parses a Standard Webhooks secret: `whsec_…` (HMAC, v1), the same without its prefix, `whsk_…` (ed25519 private
 * key, v1a) or `whpk_…` (ed25519 public key, v1a: verifies, cannot sign).
 *
 * The error is a sentence that never contains any part of the secret.
 */
export function parseSecret(text: string): Result<ParsedSecret, string> {
  if (text.startsWith('whsk_')) return parsePrivateKey(text.slice(5))
  if (text.startsWith('whpk_')) return parsePublicKey(text.slice(5))
  const key = decodeBase64(text.startsWith('whsec_') ? text.slice(6) : text)
  if (key === undefined) return err('the secret is not base64')
  if (key.length < MIN_HMAC_BYTES || key.length > MAX_HMAC_BYTES) {
    return err(`the secret must hold ${MIN_HMAC_BYTES} to ${MAX_HMAC_BYTES} bytes, not ${key.length}`)
  }
  return ok({ version: 'v1', key })
}

function parsePrivateKey(base64: string): Result<Ed25519Secret, string> {
  const bytes = decodeBase64(base64)
  if (bytes?.length !== 2 * SEED_BYTES) return err('a whsk_ secret must hold 64 bytes: seed and public key')
  const privateKey = privateKeyOf(bytes.subarray(0, SEED_BYTES))
  const publicKey = createPublicKey(privateKey)
  if (!rawPublicKey(publicKey).equals(bytes.subarray(SEED_BYTES))) {
    return err('the public half of the whsk_ secret does not belong to its seed')
  }
  return ok({ version: 'v1a', privateKey, publicKey })
}

function parsePublicKey(base64: string): Result<Ed25519Secret, string> {
  const bytes = decodeBase64(base64)
  if (bytes?.length !== SEED_BYTES) return err('a whpk_ key must hold 32 bytes')
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' })
  return ok({ version: 'v1a', privateKey: undefined, publicKey })
}

/**
 * Makes a fresh secret: `v1` a 32-byte `whsec_`, `v1a` an ed25519 pair as `whsk_` with its `whpk_` in `publicKey`.
 *
 * @param random gives n random bytes; for tests only, the default is the system's generator
 */
export function generateSecret(
  kind: 'v1' | 'v1a',
  random: (n: number) => Uint8Array = randomBytes,
): { secret: string; publicKey?: string } {
  const seed = Buffer.from(random(SEED_BYTES))
  if (seed.length !== SEED_BYTES) throw new RangeError(`random(${SEED_BYTES}) gave ${seed.length} bytes`)
  if (kind === 'v1') return { secret: `whsec_${seed.toString('base64')}` }
  const publicHalf = rawPublicKey(createPublicKey(privateKeyOf(seed)))
  return {
    secret: `whsk_${Buffer.concat([seed, publicHalf]).toString('base64')}`,
    publicKey: `whpk_${publicHalf.toString('base64')}`,
  }
}

/**
 * The `whpk_…` that receivers need for a `whsk_…` secret; undefined for a symmetric or a malformed secret.
 */
export function publicKeyOf(secret: string): string | undefined {
  const parsed = parseSecret(secret)
  if (!parsed.ok || parsed.value.version !== 'v1a') return undefined
  return `whpk_${rawPublicKey(parsed.value.publicKey).toString('base64')}`
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

/** Strict base64: node's own decoder skips what it does not know, which would accept a mistyped secret. */
function decodeBase64(text: string): Buffer | undefined {
  const digits = text.replace(/={1,2}$/, '')
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) return undefined
  if (digits.length !== text.length && text.length % 4 !== 0) return undefined
  return Buffer.from(digits, 'base64')
}
