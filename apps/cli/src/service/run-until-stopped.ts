import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'

/** What runs until somebody stops it. */
export interface Stoppable {
  /** Stops in order. */
  stop(): Promise<void>
  /** what `stop` may take, milliseconds; past it the process ends without it */
  readonly graceMs: number
  readonly onStopping?: () => void
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
/** npm and pnpm pass a Ctrl-C on that the terminal has sent already: within a moment it is the same one. */
const SAME_SIGNAL_MS = 500

/**
 * Starts something, waits for SIGTERM, SIGINT or SIGHUP, stops it, and tells how to exit: 0 when it stopped in order, 1
 * when time ran out. A signal that comes during the start aborts it, and where the start does not heed that, is obeyed
 * when it has started; a second one ends the process at once. An error that nobody caught stops it too.
 *
 * @param start gets what tells it to give up; it then rejects with the signal's reason and leaves nothing behind
 */
export async function runUntilStopped(start: (signal: AbortSignal) => Promise<Stoppable>): Promise<ExitCode> {
  const { promise: asked, resolve } = Promise.withResolvers<ExitCode>()
  const stopping = new AbortController()
  let firstAt = 0
  const onSignal = () => {
    if (firstAt > 0 && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(EXIT.failure)
    firstAt ||= performance.now()
    resolve(EXIT.ok)
    stopping.abort()
  }
  const onError = (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    resolve(EXIT.failure)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  // Whoever reads the log may go away; that is no reason to stop, and nothing to tell anybody of.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  try {
    const service = await start(stopping.signal)
    process.on('uncaughtException', onError)
    process.on('unhandledRejection', onError)
    const exitCode = await asked
    service.onStopping?.()
    return (await endsWithin(service.stop(), service.graceMs)) ? exitCode : EXIT.failure
  } catch (error) {
    if (stopping.signal.aborted && error === stopping.signal.reason) return EXIT.ok
    throw error
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}

async function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
