import { type HookLogs, openLogs } from '../logs/index.ts'
import type { ExitCode } from '../terminal/exit-codes.ts'
import type { CommandContext } from './context.ts'

/** What commands that take their time need beside their options. */
export interface Sending {
  readonly log: HookLogs
  /** Aborted by SIGINT and SIGTERM; a second one ends the process at once. */
  readonly signal: AbortSignal
}

/** Does work with logs that are on disk afterwards, and with the signals that stop it. */
export async function withSending(
  { settings }: Pick<CommandContext, 'settings'>,
  work: (sending: Sending) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { logDir, debug, apiKey } = settings.config
  const log = openLogs({ directory: logDir, debug, secrets: apiKey === undefined ? [] : [apiKey] })
  const stop = new AbortController()
  const abort = () => stop.abort()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, abort)
  try {
    return await work({ log, signal: stop.signal })
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, abort)
    await log.close()
  }
}
