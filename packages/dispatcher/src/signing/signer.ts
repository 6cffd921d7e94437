import { type KeyObject, sign as signEd25519 } from 'node:crypto'
import { contentOf, HmacSha256, layContent } from './hmac.ts'
import { parseSecret } from './secret.ts'

/** Signs messages under one or, during a rotation, several secrets. */
export interface Signer {
  /**
   * The value of `webhook-signature`: one `v1,…` or `v1a,…` per secret, in the order of the secrets, separated by a
   * space.
   *
   * @param id value of `webhook-id`: visible ASCII without `.`, which separates the signed parts
   * @param timestampSec value of `webhook-timestamp`: whole seconds since the epoch
   * @param body the exact bytes that are sent (a string stands for its UTF-8 bytes)
   * @throws TypeError for an id or timestamp that cannot be signed unambiguously
   */
  sign(id: string, timestampSec: number, body: Uint8Array | string): string
}

type Key = { readonly hmac: HmacSha256 } | { readonly privateKey: KeyObject }

/** True for what may stand in `webhook-id`: visible ASCII without a full stop, at most 255 characters. */
export function isWebhookId(text: string): boolean {
  return text.length <= 255 && /^[!-\-/-~]+$/.test(text)
}

/**
 * Makes a signer for Standard Webhooks signatures; the keys are parsed and prepared once.
 *
 * @param secrets `whsec_…` for v1 and `whsk_…` for v1a, mixed as the rotation needs them
 * @throws TypeError when there is no secret, or one cannot sign; the message names its position, never its content
 */
export function createSigner(secrets: readonly string[]): Signer {
  if (secrets.length === 0) throw new TypeError('createSigner needs at least one secret')
  const keys = secrets.map(signingKey)
  return {
    sign(id, timestampSec, body) {
      const content = layContent(signedPrefix(id, timestampSec), body)
      let header = ''
      for (const key of keys) {
        const signature =
          'hmac' in key
            ? `v1,${key.hmac.base64(content)}`
            : `v1a,${signEd25519(null, contentOf(content), key.privateKey).toString('base64')}`
        header = header === '' ? signature : `${header} ${signature}`
      }
      return header
    },
  }
}

/** `<id>.<timestamp>.`, the part of the signed content in front of the body. */
export function signedPrefix(id: string, timestampSec: number): string {
  if (!isWebhookId(id)) throw new TypeError('a webhook id is 1 to 255 visible ASCII characters without "."')
  if (!Number.isSafeInteger(timestampSec) || timestampSec < 0) {
    throw new TypeError('a webhook timestamp is a whole number of seconds since the epoch')
  }
  return `${id}.${timestampSec}.`
}

function signingKey(secret: string, index: number): Key {
  const parsed = parseSecret(secret)
  if (!parsed.ok) throw new TypeError(`secrets[${index}]: ${parsed.error}`)
  if (parsed.value.version === 'v1') return { hmac: new HmacSha256(parsed.value.key) }
  const { privateKey } = parsed.value
  if (privateKey === undefined) throw new TypeError(`secrets[${index}]: a public key cannot sign`)
  return { privateKey }
}
