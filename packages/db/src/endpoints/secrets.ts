import { randomBytes } from 'node:crypto'
import type { Keyring } from '../keyring.ts'
import type { EndpointSecret } from './endpoint.ts'

/** However often somebody rotates: each of them signs every request. */
const MAX_SECRETS = 11
const SECRET_BYTES = 32

type Owner = 'app' | 'endpoint'

const context = (owner: Owner, id: string) => `${owner}:${id}:secrets`

/** Seals the secrets of an app or an endpoint for its row. */
export const sealSecrets = (
  keyring: Keyring,
  owner: Owner,
  id: string,
  secrets: readonly EndpointSecret[],
): Buffer => keyring.seal(JSON.stringify(secrets), context(owner, id))

/** @throws PosthornError `secret_unreadable` */
export const openSecrets = (keyring: Keyring, owner: Owner, id: string, sealed: Buffer): EndpointSecret[] =>
  JSON.parse(keyring.open(sealed, context(owner, id))) as EndpointSecret[]

/** A fresh symmetric secret of Standard Webhooks: `whsec_` and 32 bytes in base64. */
export const newSecret = (): EndpointSecret => ({
  secret: `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`,
})

/**
 * A new secret first; those before it sign beside it for `graceMs`, or until their own time is over if that is sooner: with
 * 0 none of them signs any more.
 */
export function rotatedSecrets(
  made: EndpointSecret,
  secrets: readonly EndpointSecret[],
  graceMs: number,
): EndpointSecret[] {
  const now = Date.now()
  const until = now + graceMs
  const kept = secrets.map(({ secret, expiresAt }) => ({
    secret,
    expiresAt: new Date(expiresAt ? Math.min(Date.parse(expiresAt), until) : until).toISOString(),
  }))
  return [made, ...secretsInForce(kept, now)].slice(0, MAX_SECRETS)
}

/** Those that still sign. */
export const secretsInForce = (secrets: readonly EndpointSecret[], nowMs = Date.now()): EndpointSecret[] =>
  secrets.filter(({ expiresAt }) => expiresAt === undefined || Date.parse(expiresAt) > nowMs)
