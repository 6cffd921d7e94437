import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import type { IngestConfig } from '../config.ts'
import { REDACTED_PATHS } from './request-log.ts'

const FLUSH_EVERY_MS = 250
const GATHERED_BYTES = 4_096
/** What is kept of lines that cannot be written; then further ones are let go. */
const MAX_KEPT_BYTES = 1_048_576

/** A logger that gathers lines. */
export interface ServiceLogger {
  readonly logger: Logger
  /** Writes what has been gathered and gathers no more. The end of the process does so too. */
  close(): void
}

/**
 * JSON lines on standard output, and in `<POSTHORN_LOG_DIR>/ingest.log` where a folder is given. Lines are gathered up to
 * 4 KiB or a quarter of a second, so that a busy service does not write once for each request.
 */
export function createLogger(config: Pick<IngestConfig, 'LOG_LEVEL' | 'POSTHORN_LOG_DIR'>): ServiceLogger {
  const { POSTHORN_LOG_DIR: folder } = config
  const destinations = [open(1), ...(folder === undefined ? [] : [open(join(folder, 'ingest.log'))])]
  const [output] = destinations
  const logger = pino(
    {
      level: config.LOG_LEVEL,
      base: { service: 'ingest', pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: [...REDACTED_PATHS], censor: '[REDACTED]' },
    },
    destinations.length > 1 || output === undefined
      ? pino.multistream(
          destinations.map((stream) => ({
            stream,
            level: config.LOG_LEVEL === 'silent' ? 'fatal' : config.LOG_LEVEL,
          })),
        )
      : output,
  )
  const flush = () => {
    for (const destination of destinations) destination.flush()
  }
  const timer = setInterval(flush, FLUSH_EVERY_MS).unref()
  process.once('exit', flush)
  const close = () => {
    clearInterval(timer)
    process.removeListener('exit', flush)
    flush()
  }
  return { logger, close }
}

/**
 * Where lines go. A service must not stop for its log: where nobody reads any more or the disk is full, it goes on without.
 * (`flushSync` would try again for ever, and hold up everything.)
 */
function open(dest: number | string) {
  const destination = pino.destination({
    ...{ dest, minLength: GATHERED_BYTES, maxLength: MAX_KEPT_BYTES, sync: true, mkdir: true },
    retryEAGAIN: () => false,
  })
  return destination.on('error', () => undefined)
}
