import { join } from 'node:path'
import { formatEntry, LOG_FILES, type LogFile, type LogLevel } from './log-entry.ts'
import { LogWriter } from './log-writer.ts'
import type { HookLog, LogFields } from './types.ts'

/** The logs of one process. Nothing about them ever throws or rejects; an entry is on disk at the next flush. */
export interface HookLogs extends HookLog {
  /** Writes what was taken so far, in the background. */
  flush(): Promise<void>
  /** Writes what was taken so far before it returns. Happens by itself when the process ends. */
  flushSync(): void
  /** Flushes and stops the timer. */
  close(): Promise<void>
}

/** Where and how to log. */
export interface LogOptions {
  /** Made at the first flush; only its owner may enter it. */
  readonly directory: string
  /** Also write `webhook-debug.log`. Default false. */
  readonly debug?: boolean
  /** Texts that must not appear in a log, such as the API key. */
  readonly secrets?: readonly string[]
  /** When a log is put aside. Default 10 MB. */
  readonly maxBytes?: number
  /** How many full logs are kept of each file. Default 5. */
  readonly keep?: number
  /** The longest that an entry waits in memory. Default 5 000. */
  readonly flushEveryMs?: number
  readonly now?: () => Date
}

/** One listener for all: the process warns on standard error when there are many. */
const openAtExit = new Set<HookLogs>()
const flushAll = () => {
  for (const logs of openAtExit) logs.flushSync()
}

/** The path of one of the four log files. */
export const logPath = (directory: string, file: LogFile): string => join(directory, `webhook-${file}.log`)

/**
 * Opens the four logs of a folder. Several processes may write there at once. The disk is first touched at a flush;
 * an entry costs the caller microseconds.
 */
export function openLogs(options: LogOptions): HookLogs {
  const { directory, debug = false, flushEveryMs = 5_000, now = () => new Date() } = options
  const secrets = (options.secrets ?? []).filter((secret) => secret.length >= 4)
  const limits = { maxBytes: options.maxBytes ?? 10_000_000, keep: options.keep ?? 5 }
  const lossNote = (lost: number) => formatEntry(now(), 'warn', 'log entries were lost', { lost }, [])
  const writers = new Map(
    LOG_FILES.map((file) => [file, new LogWriter(logPath(directory, file), limits, now, lossNote)]),
  )
  let timer: NodeJS.Timeout | undefined

  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    await Promise.all([...writers.values()].map((writer) => writer.flush()))
  }
  const write = (file: LogFile, level: LogLevel, message: string, fields: LogFields = {}) => {
    const writer = writers.get(file)
    if (writer?.add(formatEntry(now(), level, message, fields, secrets))) void flush()
    else timer ??= setTimeout(flush, flushEveryMs).unref()
    if (openAtExit.size === 0) process.on('exit', flushAll)
    openAtExit.add(logs)
  }
  const logs: HookLogs = {
    success: (message, fields) => write('success', 'info', message, fields),
    error: (message, fields) => write('error', 'error', message, fields),
    queue: (message, fields) => write('queue', 'info', message, fields),
    debug: (message, fields) => debug && write('debug', 'debug', message, fields),
    flush,
    flushSync() {
      for (const writer of writers.values()) writer.flushSync()
    },
    async close() {
      await flush()
      openAtExit.delete(logs)
      if (openAtExit.size === 0) process.off('exit', flushAll)
    },
  }
  return logs
}
