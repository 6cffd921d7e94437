import { sleep as systemSleep } from '@posthorn/core'
import type { Logger } from '@posthorn/engine'

/** Waits; rejects at once when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

/** Something done again and again. */
export interface LoopOptions {
  readonly name: string
  /** from the end of one run to the beginning of the next */
  readonly everyMs: number
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly sleep?: Sleep
}

/** Runs at once and then at its interval until the signal aborts. A run that fails is logged and does not end it. */
export async function runLoop({
  name,
  everyMs,
  run,
  signal,
  logger,
  sleep = systemSleep,
}: LoopOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await run(signal)
    } catch (err) {
      if (!signal.aborted)
        logger.warn({ err, duty: name }, 'maintenance failed; it is tried again at its next turn')
    }
    await sleep(everyMs, signal).catch(() => undefined)
  }
}
