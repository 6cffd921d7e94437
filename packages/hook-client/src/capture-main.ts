import { capture } from './capture/capture.ts'
import { StandardInput } from './capture/standard-input.ts'
import { loadConfig } from './config/load-config.ts'
import { openLogs } from './logs/index.ts'

/** Whoever waits longer than this has mistaken the unit. */
const LONGEST_WAIT_MS = 60_000

/**
 * `posthorn-hook capture`. Says nothing, whatever happens: what a hook prints is read by Claude Code, and its exit code
 * as well. Arguments that are wrong are passed over. Ends the process.
 */
export async function captureMain(args: readonly string[]): Promise<never> {
  const stdin = new StandardInput()
  let last = () => {}
  process.removeAllListeners('warning')
  process.on('uncaughtException', () => stdin.endProcess(last))
  const loaded = loadConfig()
  const { logDir, debug, apiKey } = loaded.config
  // Written when the process ends.
  const log = openLogs({ directory: logDir, debug, secrets: apiKey === undefined ? [] : [apiKey] })
  last = () => log.flushSync()
  await capture({
    loaded,
    openStdin: () => stdin.open(),
    waitMs: waitOf(args),
    senderCommand: [process.execPath, process.argv[1] ?? '', 'sender'],
    log,
  })
  return stdin.endProcess(last)
}

/** The milliseconds of `--wait MS` or `--wait=MS`; 0 where there are none. */
export function waitOf(args: readonly string[]): number {
  const text = args
    .flatMap((arg, i) => (arg === '--wait' ? (args[i + 1] ?? '') : (/^--wait=(.*)$/.exec(arg)?.[1] ?? [])))
    .at(-1)
  return text !== undefined && /^\d{1,9}$/.test(text) ? Math.min(Number(text), LONGEST_WAIT_MS) : 0
}
