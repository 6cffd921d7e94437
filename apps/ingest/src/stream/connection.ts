import type { ServerResponse } from 'node:http'
import { frame } from './frame.ts'

/** Why the service ends a stream. */
export type ClosingReason = 'shutdown' | 'slow' | 'unauthorized'

/** Clients of a service that stops come back a little apart. */
const RETRY_MS = { from: 500, to: 3_000 }

/** How long a client has to take what was written before it was let go, milliseconds. */
const LINGER_MS: Readonly<Record<ClosingReason, number>> = {
  shutdown: 1_000,
  slow: 5_000,
  unauthorized: 1_000,
}

/**
 * One client of a stream. What is written waits until the client has taken what was written before, so that no more than
 * one write is held for it; one that takes nothing for too long is let go.
 */
export class StreamConnection {
  readonly #response: ServerResponse
  readonly #slowAfterMs: number
  readonly #gone = new AbortController()
  #isEnding = false

  constructor(response: ServerResponse, slowAfterMs: number) {
    this.#response = response
    this.#slowAfterMs = slowAfterMs
    // A lost connection is no fault of ours: `close` follows.
    response.on('error', () => undefined)
    response.once('close', () => this.#gone.abort())
    if (response.destroyed) this.#gone.abort()
  }

  /** Aborted when nothing more can be written: the client went away, or was let go. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Whether everything that was written has been handed to the network. */
  get isIdle(): boolean {
    return !this.#response.writableNeedDrain
  }

  open(headers: Readonly<Record<string, number | string | string[] | undefined>>): void {
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) this.#response.setHeader(name, value)
    }
    this.#response.writeHead(200)
  }

  /** Resolves when the next may be written, or nothing can be written any more. */
  async write(text: string): Promise<void> {
    if (text === '' || this.#isEnding || this.signal.aborted) return
    if (this.#response.write(text)) return
    if (!(await this.#drained())) this.end('slow')
  }

  /** Tells the client why, and lets it go; its place is the last id that it has got. */
  end(reason: ClosingReason): void {
    if (this.#isEnding || this.signal.aborted) return
    this.#isEnding = true
    const retryMs = Math.round(RETRY_MS.from + Math.random() * (RETRY_MS.to - RETRY_MS.from))
    const data = JSON.stringify({ at: new Date().toISOString(), reason, retryMs })
    this.#response.end(frame({ event: 'closing', data, retryMs }))
    const timer = setTimeout(() => this.#response.destroy(), LINGER_MS[reason])
    this.#response.once('close', () => clearTimeout(timer))
    this.#gone.abort()
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const response = this.#response
      const settle = (isDrained: boolean) => {
        clearTimeout(timer)
        response.off('drain', onDrain).off('close', onDrain)
        this.signal.removeEventListener('abort', onDrain)
        resolve(isDrained)
      }
      const onDrain = () => settle(true)
      const timer = setTimeout(settle, this.#slowAfterMs, false)
      response.once('drain', onDrain).once('close', onDrain)
      this.signal.addEventListener('abort', onDrain, { once: true })
    })
  }
}
