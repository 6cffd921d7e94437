/** Bytes read beyond the limit before the connection is given up instead. */
const DISCARD_LIMIT_BYTES = 64 * 1024

/**
 * Keeps the beginning of a response's body and counts the rest. What it keeps is copied: a piece of a few bytes would
 * otherwise hold the whole buffer that the socket read into.
 */
export class ResponseCapture {
  /** Bytes that arrived, kept or not. */
  received = 0
  readonly #limit: number
  readonly #keeps: boolean
  readonly #chunks: Buffer[] = []

  constructor(limit: number, keeps: boolean) {
    this.#limit = limit
    this.#keeps = keeps
  }

  /** More arrived than is kept: how the body ends no longer matters to the outcome. */
  get isPastLimit(): boolean {
    return this.received > this.#limit
  }

  /** So much arrived that reading on costs more than a new connection. */
  get isFlooded(): boolean {
    return this.received > this.#limit + DISCARD_LIMIT_BYTES
  }

  add(chunk: Uint8Array): void {
    const room = this.#limit - this.received
    if (this.#keeps && room > 0) this.#chunks.push(Buffer.from(chunk.subarray(0, room)))
    this.received += chunk.length
  }

  /** The kept bytes; undefined when nothing is kept. */
  body(): Buffer | undefined {
    if (!this.#keeps) return undefined
    const [only] = this.#chunks
    return this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks)
  }
}
