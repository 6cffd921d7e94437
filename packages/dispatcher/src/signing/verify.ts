import { type KeyObject, timingSafeEqual, verify as verifyEd25519 } from 'node:crypto'
import { err, ok, type Result } from '@posthorn/core'
import { contentOf, HmacSha256, layContent, type PaddedContent } from './hmac.ts'
import { parseSecret } from './secret.ts'
import { isWebhookId, signedPrefix } from './signer.ts'

/** Why a message was refused; stable, for logs and metrics. Answer all of them with the same 401. */
export type VerifyReason =
  | 'missing_header'
  | 'invalid_id'
  | 'invalid_timestamp'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  | 'no_matching_signature'
  | 'invalid_secret'

/** The refusal of {@link verify}. The message names the header or what is wrong, never a key or a signature. */
export interface VerifyError {
  readonly reason: VerifyReason
  readonly message: string
}

/** Headers as Node (`req.headers`), Fetch (`Headers`) or a plain object has them. */
export type VerifyHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** How far the timestamp may lie in the past or the future, seconds; 300 unless given, `Infinity` skips the check. */
  readonly toleranceSec?: number
  /** The receiver's clock, epoch milliseconds. */
  readonly now?: () => number
}

type Key = { readonly hmac: HmacSha256 } | { readonly publicKey: KeyObject }

const DEFAULT_TOLERANCE_SEC = 300
/** Only the form that a sender signs: another spelling of the number would be signed as this one. */
const TIMESTAMP = /^(0|[1-9]\d{0,14})$/
/** More candidates than a rotation ever needs; each one beyond would be work that a stranger asks for. */
const MAX_CANDIDATES = 32

/**
 * Verifies a Standard Webhooks message.
 *
 * Any signature that matches any secret is enough; signatures of versions not known here are skipped. Comparison
 * takes the same time wherever the first difference is. Give the body as it arrived: parsed and printed again, it
 * has other bytes.
 *
 * @param secrets `whsec_…` (v1), `whpk_…` or `whsk_…` (v1a); several while a secret is being rotated
 * @returns the message's id, by which repeats are recognised, and its timestamp in seconds
 * @throws TypeError when the body is neither bytes nor text, which means that it was parsed on the way here
 */
export function verify(
  body: Uint8Array | string,
  headers: VerifyHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Result<{ id: string; timestamp: number }, VerifyError> {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new TypeError('verify needs the raw body, bytes or text, as it arrived')
  }
  const keys = verificationKeys(secrets)
  if (!keys.ok) return keys
  const read = headerReader(headers)
  const id = read('webhook-id')
  if (!id) return refuse('missing_header', 'webhook-id is missing')
  const sentAt = read('webhook-timestamp')
  if (!sentAt) return refuse('missing_header', 'webhook-timestamp is missing')
  const signatures = read('webhook-signature')
  if (!signatures) return refuse('missing_header', 'webhook-signature is missing')
  if (!isWebhookId(id)) return refuse('invalid_id', 'webhook-id is not visible ASCII without "."')
  if (!TIMESTAMP.test(sentAt))
    return refuse('invalid_timestamp', 'webhook-timestamp is not a number of seconds')

  const timestamp = Number(sentAt)
  const tolerance = options.toleranceSec ?? DEFAULT_TOLERANCE_SEC
  const age = Math.floor((options.now ?? Date.now)() / 1000) - timestamp
  if (age > tolerance) return refuse('timestamp_too_old', `the message is older than ${tolerance} s`)
  if (-age > tolerance)
    return refuse('timestamp_too_new', `the message is more than ${tolerance} s in the future`)

  const content = layContent(signedPrefix(id, timestamp), body)
  if (!anyMatches(signatures, keys.value, content)) {
    return refuse('no_matching_signature', 'no signature matches a secret')
  }
  return ok({ id, timestamp })
}

function anyMatches(header: string, keys: readonly Key[], content: PaddedContent): boolean {
  const candidates = header.split(' ').filter((part) => /^v1a?,/.test(part))
  let matches = false
  for (const key of keys) {
    const expected = 'hmac' in key ? Buffer.from(`v1,${key.hmac.base64(content)}`) : undefined
    for (const candidate of candidates.slice(0, MAX_CANDIDATES)) {
      // No early exit: the time taken must not tell which secret of a rotation matched.
      if (expected !== undefined) matches = equalBytes(expected, Buffer.from(candidate)) || matches
      else if ('publicKey' in key)
        matches = ed25519Matches(key.publicKey, candidate, contentOf(content)) || matches
    }
  }
  return matches
}

function equalBytes(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function ed25519Matches(key: KeyObject, candidate: string, content: Buffer): boolean {
  if (!candidate.startsWith('v1a,')) return false
  const signature = Buffer.from(candidate.slice(4), 'base64')
  return signature.length === 64 && verifyEd25519(null, content, key, signature)
}

function verificationKeys(secrets: string | readonly string[]): Result<Key[], VerifyError> {
  // An unset environment variable arrives here as undefined, whatever the types say.
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets]
  if (given.length === 0) return refuse('invalid_secret', 'verify needs at least one secret')
  const keys: Key[] = []
  for (const [index, secret] of given.entries()) {
    const parsed = parseSecret(typeof secret === 'string' ? secret : '')
    if (!parsed.ok) return refuse('invalid_secret', `secrets[${index}]: ${parsed.error}`)
    const { value } = parsed
    keys.push(value.version === 'v1' ? { hmac: new HmacSha256(value.key) } : { publicKey: value.publicKey })
  }
  return ok(keys)
}

function headerReader(headers: VerifyHeaders): (name: string) => string | undefined {
  if (isFetchHeaders(headers)) return (name) => headers.get(name) ?? undefined
  const found = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    const text = typeof value === 'string' ? value : value?.join(' ')
    if (text !== undefined) found.set(name.toLowerCase(), text)
  }
  return (name) => found.get(name)
}

function isFetchHeaders(headers: VerifyHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function'
}

function refuse(reason: VerifyReason, message: string): Result<never, VerifyError> {
  return err({ reason, message })
}
