import { timingSafeEqual } from 'node:crypto'
import { HmacSha256, layContent } from './hmac.ts'
import { parseSecret } from './secret.ts'

/** What `x-platform-signature` covers. */
export interface CallToSign {
  /**
   * The app's secret: `whsec_…` stands for the bytes it encodes, any other text for its UTF-8 bytes. Several while one is
   * being replaced, newest first.
   */
  readonly secret: string | readonly string[]
  /** Whole seconds since the epoch. */
  readonly timestampSec: number
  /** Value of the `x-request-id` header. */
  readonly requestId: string
  /** The exact bytes that are sent. */
  readonly body: Uint8Array | string
}

/** Signs calls under the secrets of an app. */
export interface CallSigner {
  /**
   * The value of `x-platform-signature`: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<x-request-id>.<body>">`,
   * with one `v1` for each secret.
   *
   * @throws TypeError for a request id with `.` or outside visible ASCII, or a fractional timestamp
   */
  sign(call: Omit<CallToSign, 'secret'>): string
}

/**
 * Makes a signer of calls; its keys are prepared once.
 *
 * @param secret several, newest first, sign beside each other while one is being replaced
 * @throws TypeError without a secret, for an empty one, or a `whsec_…` that is none
 */
export function createCallSigner(secret: CallToSign['secret']): CallSigner {
  const hmacs = hmacsOf(secret)
  return {
    sign(call) {
      if (!/^[!-\-/-~]+$/.test(call.requestId)) {
        throw new TypeError('a request id is visible ASCII without "."')
      }
      if (!Number.isSafeInteger(call.timestampSec) || call.timestampSec < 0) {
        throw new TypeError('the timestamp of a call is a whole number of seconds since the epoch')
      }
      return [`t=${call.timestampSec}`, ...hmacs.map((hmac) => `v1=${digest(hmac, call)}`)].join(',')
    },
  }
}

/** {@link CallSigner.sign} for a single call. @throws TypeError as {@link createCallSigner} and its signer */
export function signCall({ secret, ...call }: CallToSign): string {
  return createCallSigner(secret).sign(call)
}

/**
 * Verifies `x-platform-signature` in constant time. One signature under one of the secrets is enough: both sides may be
 * replacing a secret.
 *
 * @param header the header's value as received
 * @param call body, request id and secret, and how far the signature's time may lie from `nowMs` (300 s unless given)
 */
export function verifyCall(
  header: string | undefined,
  call: Omit<CallToSign, 'timestampSec'> & { readonly toleranceSec?: number; readonly nowMs?: number },
): boolean {
  const [, seconds, signatures] = /^t=(\d{1,15})((?:,v1=[0-9a-f]{64}){1,16})$/.exec(header ?? '') ?? []
  if (seconds === undefined || signatures === undefined) return false
  const timestampSec = Number(seconds)
  const age = Math.floor((call.nowMs ?? Date.now()) / 1000) - timestampSec
  if (Math.abs(age) > (call.toleranceSec ?? 300)) return false
  const given = signatures.split(',v1=').slice(1)
  const expected = hmacsOf(call.secret).map((hmac) => digest(hmac, { ...call, timestampSec }))
  return expected.some((signature) => given.some((other) => isSame(signature, other)))
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'))
}

function digest(hmac: HmacSha256, { timestampSec, requestId, body }: Omit<CallToSign, 'secret'>): string {
  return hmac.hex(layContent(`${timestampSec}.${requestId}.`, body))
}

function hmacsOf(secret: CallToSign['secret']): HmacSha256[] {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (secrets.length === 0) throw new TypeError('a call is signed with at least one secret')
  return secrets.map(hmacOf)
}

function hmacOf(secret: string): HmacSha256 {
  if (secret === '') throw new TypeError('the secret of a call must not be empty')
  if (!secret.startsWith('whsec_')) return new HmacSha256(Buffer.from(secret, 'utf8'))
  const parsed = parseSecret(secret)
  if (!parsed.ok) throw new TypeError(parsed.error)
  if (parsed.value.version !== 'v1') throw new TypeError('a call is signed with a symmetric secret')
  return new HmacSha256(parsed.value.key)
}
