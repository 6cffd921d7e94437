import { EventEmitter } from 'node:events'
import { read } from 'node:fs'
import type { InputStream } from './read-input.ts'

const PIECE_BYTES = 64 * 1024

/** Reads up to so many bytes in the background; 0 are the end. */
export type Read = (
  fd: number,
  buffer: Buffer,
  done: (error: NodeJS.ErrnoException | null, bytes: number) => void,
) => void

const systemRead: Read = (fd, buffer, done) => read(fd, buffer, 0, buffer.length, null, done)

/**
 * What comes on a descriptor, read on a thread. `process.stdin` does the same, and loads sockets, terminals and streams
 * for it: 5 ms of a processor where a bare start of Node costs 30.
 *
 * A descriptor that does not block is left to that: it has nothing to give just now.
 */
export class DescriptorInput extends EventEmitter implements InputStream {
  readonly #fd: number
  readonly #openStream: () => InputStream
  readonly #read: Read
  #stream: InputStream | undefined
  #isReading = false
  #isPaused = false

  constructor(fd: number, openStream: () => InputStream, read: Read = systemRead) {
    super()
    this.#fd = fd
    this.#openStream = openStream
    this.#read = read
    this.#next()
  }

  /** Whether a thread waits for what comes. It cannot be called back, and the process waits for it when it exits. */
  get isReading(): boolean {
    return this.#isReading
  }

  /** Reads no more, and gives nothing of what a thread may still be waiting for. */
  pause(): void {
    this.#isPaused = true
    this.#stream?.pause()
  }

  #next(): void {
    this.#isReading = true
    const buffer = Buffer.allocUnsafe(PIECE_BYTES)
    this.#read(this.#fd, buffer, (error, bytes) => {
      this.#isReading = false
      if (this.#isPaused) return
      if (error?.code === 'EAGAIN') this.#openInstead()
      else if (error) this.emit('error')
      else if (bytes === 0) this.emit('end')
      else {
        this.emit('data', buffer.subarray(0, bytes))
        if (!this.#isPaused) this.#next()
      }
    })
  }

  #openInstead(): void {
    try {
      const stream = this.#openStream()
      this.#stream = stream
      stream.on('error', () => this.emit('error'))
      stream.on('end', () => this.emit('end'))
      stream.on('data', (chunk) => this.emit('data', chunk))
    } catch {
      this.emit('error')
    }
  }
}
