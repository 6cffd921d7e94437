import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import type { IngestConfig } from '../config.ts'
import { REDACTED_PATHS } from './request-log.ts'

const FLUSH_EVERY_MS = 250

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
  const destinations = [
    pino.destination({ dest: 1, minLength: 4_096, sync: true }),
    ...(config.POSTHORN_LOG_DIR === undefined
      ? []
      : [
          pino.destination({
            dest: join(config.POSTHORN_LOG_DIR, 'ingest.log'),
            minLength: 4_096,
            sync: true,
            mkdir: true,
          }),
        ]),
  ]
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
    for (const destination of destinations) destination.flushSync()
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
