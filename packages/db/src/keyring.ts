import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { PosthornError, ValidationError } from '@posthorn/core'

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16

/** Seals secrets for the database with AES-256-GCM under the newest of several keys. */
export interface Keyring {
  /** @param context what the secret belongs to (for example `endpoint:<id>:secrets`); the same is needed to open it */
  seal(plaintext: string, context: string): Buffer
  /** @throws PosthornError `secret_unreadable` when the key is gone, the context differs or the bytes were changed */
  open(sealed: Buffer, context: string): string
}

/**
 * A key ring from `id:base64,id:base64`, newest first: the first key seals, all open. Rotating means putting a new key
 * in front and keeping the old ones until everything has been sealed again.
 *
 * @throws ValidationError naming each bad entry by its position, never by its content
 */
export function createKeyring(keys: string): Keyring {
  const ring = parseKeys(keys)
  const [newestId, newestKey] = [...ring.entries()][0] as [string, Buffer]
  return {
    seal(plaintext, context) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', newestKey, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
      const id = Buffer.from(newestId)
      return Buffer.concat([Buffer.from([VERSION, id.length]), id, iv, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const idEnd = 2 + (sealed[1] ?? 0)
      const key = sealed[0] === VERSION ? ring.get(sealed.subarray(2, idEnd).toString()) : undefined
      if (!key) throw unreadable()
      const tagStart = idEnd + IV_BYTES
      try {
        // With its length fixed, a tag that was cut short is refused instead of being compared as far as it goes.
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(idEnd, tagStart), {
          authTagLength: TAG_BYTES,
        })
        decipher.setAAD(Buffer.from(context))
        decipher.setAuthTag(sealed.subarray(tagStart, tagStart + TAG_BYTES))
        return (
          decipher.update(sealed.subarray(tagStart + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        )
      } catch (cause) {
        throw unreadable(cause)
      }
    },
  }
}

/** A fresh entry for `POSTHORN_ENCRYPTION_KEYS`. */
export function generateEncryptionKey(): string {
  return `${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}`
}

function parseKeys(keys: string): Map<string, Buffer> {
  const ring = new Map<string, Buffer>()
  const issues = keys.split(',').flatMap((entry, position) => {
    const match = /^([\w-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(entry.trim())
    if (!match?.[1] || !match[2]) {
      return [
        {
          path: `POSTHORN_ENCRYPTION_KEYS[${position}]`,
          message: 'is not an encryption key',
          expected: 'id:<32 bytes in base64>',
        },
      ]
    }
    if (ring.has(match[1])) {
      return [{ path: `POSTHORN_ENCRYPTION_KEYS[${position}]`, message: 'has the id of an earlier key' }]
    }
    ring.set(match[1], Buffer.from(match[2], 'base64'))
    return []
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return ring
}

const unreadable = (cause?: unknown) =>
  new PosthornError(
    'secret_unreadable',
    'A stored secret cannot be opened with the configured encryption keys.',
    { cause },
  )
