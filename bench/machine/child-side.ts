/** The other end of `startChild`: what a process of the bench uses to talk to the run that started it. */

type Handler = () => Promise<Record<string, unknown> | undefined> | Record<string, unknown> | undefined

/** The configuration that `startChild` passed. The caller names its shape; both ends are in this folder. */
export function readConfig<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null')
}

/** Tells the run something. */
export function tell(kind: string, fields: Record<string, unknown> = {}): void {
  process.send?.({ kind, ...fields })
}

/**
 * Answers messages by kind, ends after 'stop', and ends at once when the run is gone, so that nothing is
 * left behind even when the run is killed outright.
 */
export function serve(handlers: Record<string, Handler>, stop?: () => Promise<void>): void {
  process.on('disconnect', () => process.exit(0))
  process.on('unhandledRejection', reportAndExit)
  process.on('uncaughtException', reportAndExit)
  process.on('message', (message: { kind: string }) => void answer(message.kind))

  async function answer(kind: string): Promise<void> {
    try {
      if (kind === 'stop') {
        await stop?.()
        process.exit(0)
      }
      const fields = await handlers[kind]?.()
      if (fields !== undefined) tell(kind, fields)
    } catch (error) {
      tell('error', { message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
}

function reportAndExit(error: unknown): void {
  process.send?.(
    { kind: 'error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    undefined,
    {},
    () => process.exit(1),
  )
}
