import type { Socket } from 'node:net'
import { errors } from 'undici'

/** Bytes handed to the parser at a time. */
const SLICE_BYTES = 4 * 1024
/** Bytes of headers, informational responses, chunk sizes or trailers that may follow each other without content. */
const MAX_FRAMING_BYTES = 16 * 1024

/** What undici is told to allow: more than ever reaches it, so that its own check stays out of the way. */
export const PARSER_HEADER_LIMIT = 4 * MAX_FRAMING_BYTES

/**
 * Bounds what a receiver may send that is not content.
 *
 * undici checks the size of headers too, but goes on parsing the rest of what it has read and makes an error for each
 * further header: 64 KiB of short ones cost it 100 ms of processor time, which one receiver would take from all others.
 * So the parser gets its input in small pieces, and none beyond the bound.
 */
export class FramingGuard {
  #bytes = 0

  /** Content has arrived, or a new request begins. */
  reset(): void {
    this.#bytes = 0
  }

  /** Puts itself between the socket and its reader, which calls `read()` until there is nothing more. */
  watch(socket: Socket): void {
    const read = socket.read.bind(socket)
    socket.read = (size?: number) => {
      if (socket.destroyed) return null
      if (this.#bytes >= MAX_FRAMING_BYTES) {
        socket.destroy(new errors.HeadersOverflowError())
        return null
      }
      const chunk: Buffer | null = read(
        size ?? (socket.readableLength > SLICE_BYTES ? SLICE_BYTES : undefined),
      )
      this.#bytes += chunk?.length ?? 0
      return chunk
    }
  }
}
