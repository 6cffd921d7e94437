import type { LogFile, LogLevel } from '../logs/index.ts'
import { followLogs, type LogFilter, type LogRecord, readLogs } from '../logs/read-logs.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { type Output, paint } from '../terminal/output.ts'
import type { CommandContext } from './context.ts'

/** Options of `posthorn-hook logs`. */
export interface LogsOptions extends Omit<LogFilter, 'files'> {
  readonly file?: readonly LogFile[]
  readonly lines: number
  readonly follow: boolean
}

/** `posthorn-hook logs`: entries of the four logs, the newest last. */
export async function logs(
  options: LogsOptions,
  context: CommandContext,
  output: Output,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { file, lines, follow, ...filter } = options
  const wanted: LogFilter = { ...filter, ...(file && { files: file }) }
  const { logDir } = context.settings.config
  const show = (record: LogRecord) => output.result(record, lineOf(record))
  // Followed from before the reading, so that nothing falls in between; what both have is told once.
  const live = follow ? await followLogs(logDir, wanted, signal) : undefined
  const records = await readLogs(logDir, wanted, lines)
  const told = new Set(records.map((record) => JSON.stringify(record)))
  for (const record of records) show(record)
  if (records.length === 0 && !follow) output.note(`No entry in ${logDir} matches.`)
  for await (const record of live ?? []) if (!told.delete(JSON.stringify(record))) show(record)
  return EXIT.ok
}

const COLOURS = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const satisfies Record<
  LogLevel,
  string
>

function lineOf({
  time,
  level,
  message,
  file: _,
  requestId,
  traceId: _t,
  spanId: _s,
  ...fields
}: LogRecord): string {
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? JSON.stringify(value) : value}`,
  )
  const id = requestId === null ? [] : [paint('cyan', requestId)]
  return [time, paint(COLOURS[level], level.padEnd(5)), ...id, message, paint('gray', rest.join(' '))]
    .join(' ')
    .trimEnd()
}
