const HEADER_END = Buffer.from('\r\n\r\n')
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Splits a keep-alive connection into messages by `content-length` (RFC 9112, no chunked bodies, which
 * none of the programs measured here sends). Serves requests and responses alike. Throws on a message
 * without a length.
 */
export class MessageSplitter {
  #rest = NOTHING
  readonly #onMessage: (head: Buffer, body: Buffer) => void

  constructor(onMessage: (head: Buffer, body: Buffer) => void) {
    this.#onMessage = onMessage
  }

  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const headerEnd = data.indexOf(HEADER_END)
      if (headerEnd < 0) break
      const end = headerEnd + 4 + contentLength(data.subarray(0, headerEnd))
      if (data.length < end) break
      this.#onMessage(data.subarray(0, headerEnd), data.subarray(headerEnd + 4, end))
      data = data.subarray(end)
    }
    this.#rest = data
  }
}

function contentLength(head: Buffer): number {
  const match = /\r\ncontent-length: *(\d+)/i.exec(head.toString('latin1'))
  if (match === null) throw new Error('a message without content-length')
  return Number(match[1])
}
