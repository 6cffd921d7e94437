import { type Clock, sleep, systemClock } from '@posthorn/core'

/** A server that may end without being asked to. */
export interface KeptServer {
  isRunning(): boolean
  stop(): Promise<void>
}

/** What {@link keepRunning} tells. */
export interface KeeperEvents {
  ended(): void
  /** It did not start; the next try comes after `nextTryMs`. */
  startFailed(error: unknown, nextTryMs: number): void
  started(): void
}

/** How {@link keepRunning} works; durations are milliseconds. */
export interface KeeperOptions<Server extends KeptServer> {
  /** Starts it again. Rejects when `signal` is aborted, and leaves nothing behind. */
  readonly start: (signal: AbortSignal) => Promise<Server>
  readonly events: KeeperEvents
  readonly clock?: Clock
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

const LOOK_EVERY_MS = 200
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 10_000

/**
 * Watches a server and starts it again whenever it has ended by itself, after 250 ms, then twice as long each time, at
 * most 10 s. The waits begin anew when it has run for longer than that.
 *
 * @returns what stops the server for good, whatever is under way
 */
export function keepRunning<Server extends KeptServer>(
  first: Server,
  options: KeeperOptions<Server>,
): { stop(): Promise<void> } {
  const { start, events, clock = systemClock, sleep: wait = sleep } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let server = first

  const watch = async () => {
    for (let waitMs = FIRST_WAIT_MS; ; ) {
      const since = clock.monotonic()
      while (server.isRunning()) await wait(LOOK_EVERY_MS, signal)
      events.ended()
      if (clock.monotonic() - since > LONGEST_WAIT_MS) waitMs = FIRST_WAIT_MS
      for (let isStarted = false; !isStarted; ) {
        await wait(waitMs, signal)
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
        try {
          server = await start(signal)
          isStarted = true
        } catch (error) {
          signal.throwIfAborted()
          events.startFailed(error, waitMs)
        }
      }
      events.started()
    }
  }
  const watching = watch().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  return {
    stop: async () => {
      stopping.abort()
      await watching
      await server.stop()
    },
  }
}
