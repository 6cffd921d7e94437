import { createHash, hash } from 'node:crypto'

const BLOCK = 64
const DIGEST = 32
const SCRATCH_BYTES = 64 * 1024

/**
 * The bytes to be signed, `<id>.<timestamp>.<body>`, kept behind room for one hash block, so that every key of a
 * rotation can put its own pad in front without copying the body again.
 */
export interface PaddedContent {
  /** 64 spare bytes, then the content; borrowed until the next call of {@link layContent}. */
  readonly padded: Buffer
  /** The content alone, a view of the same memory. */
  readonly content: Buffer
}

/**
 * Small contents share one buffer: an allocation per signature would cost more than the copy. It is safe because
 * signing is synchronous from the copy to the digest.
 */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/** Lays out `<prefix><body>` for {@link HmacSha256}; a string is encoded as UTF-8. */
export function layContent(prefix: string, body: Uint8Array | string): PaddedContent {
  const start = BLOCK + prefix.length
  const room = start + (typeof body === 'string' ? body.length * 3 : body.length)
  const buffer = room <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(exactRoom(start, body))
  buffer.write(prefix, BLOCK, 'latin1')
  let end = start
  if (typeof body === 'string') {
    end += buffer.write(body, start, 'utf8')
  } else {
    buffer.set(body, start)
    end += body.length
  }
  return { padded: buffer.subarray(0, end), content: buffer.subarray(BLOCK, end) }
}

function exactRoom(start: number, body: Uint8Array | string): number {
  return start + Buffer.byteLength(body)
}

/**
 * HMAC-SHA256 (RFC 2104) whose two pads are computed once per key, so that a signature is two one-shot hashes. For a
 * body of 1 KiB that is about a fifth of the time of `createHmac`, which sets up a stream and a key for each call.
 */
export class HmacSha256 {
  readonly #innerPad = Buffer.alloc(BLOCK, 0x36)
  /** The outer pad followed by room for the inner digest. */
  readonly #outer = Buffer.alloc(BLOCK + DIGEST, 0x5c)

  constructor(key: Uint8Array) {
    const block = key.length > BLOCK ? createHash('sha256').update(key).digest() : key
    for (let i = 0; i < block.length; i++) {
      const byte = block[i] ?? 0
      this.#innerPad[i] = 0x36 ^ byte
      this.#outer[i] = 0x5c ^ byte
    }
  }

  /** The digest of the content in base64. Overwrites the 64 spare bytes in front of it. */
  base64(content: PaddedContent): string {
    return this.#digest(content, 'base64')
  }

  /** The same in hexadecimal digits. */
  hex(content: PaddedContent): string {
    return this.#digest(content, 'hex')
  }

  #digest(content: PaddedContent, encoding: 'base64' | 'hex'): string {
    content.padded.set(this.#innerPad, 0)
    this.#outer.set(hash('sha256', content.padded, 'buffer'), BLOCK)
    return hash('sha256', this.#outer, encoding)
  }
}
