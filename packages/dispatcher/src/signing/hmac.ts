import { createHash, hash } from 'node:crypto'

const BLOCK = 64
const DIGEST = 32
const SCRATCH_BYTES = 64 * 1024

/**
 * 64 spare bytes, room for one hash block, and then the bytes to be signed, `<id>.<timestamp>.<body>`: every key of a
 * rotation can put its own pad in front without copying the body again. Borrowed until the next call of
 * {@link layContent}.
 */
export type PaddedContent = Buffer

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
  return buffer.subarray(0, end)
}

/** The content alone, a view of the same memory. */
export function contentOf(padded: PaddedContent): Buffer {
  return padded.subarray(BLOCK)
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
    content.set(this.#innerPad, 0)
    // As text of one byte a character: a digest that comes as a Buffer costs as much again as both hashes.
    this.#outer.write(hash('sha256', content, 'binary'), BLOCK, 'latin1')
    return hash('sha256', this.#outer, encoding)
  }
}
