import { join } from 'node:path'
import { isSecretHeader, REDACTED } from '@posthorn/core'
import { type Logger, pino } from 'pino'
import type { WorkerConfig } from './config.ts'

/** A logger, and what must be called before the process ends so that its last lines are written. */
export interface ServiceLogger {
  readonly logger: Logger
  flush(): void
}

const GATHERED_BYTES = 4_096
/** What is kept of lines that cannot be written; then further ones are let go. */
const MAX_KEPT_BYTES = 1_048_576
const FLUSH_EVERY_MS = 250
const SECRET_FIELDS = ['secret', 'token', 'password', 'payload', 'body', 'connectionString']
const SECRET_HEADERS = ['authorization', 'cookie', 'x-api-key', 'webhook-signature'].filter(isSecretHeader)

/** Where credentials and payloads stand in what may be logged by mistake. */
const REDACTED_PATHS = [
  ...SECRET_HEADERS.flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]),
  ...SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]),
]

/**
 * JSON lines on standard output, and in `<POSTHORN_LOG_DIR>/worker.log` where a folder is given. Lines are gathered for up
 * to a quarter of a second, so that a busy worker does not write once for each of them.
 */
export function createLogger(config: Pick<WorkerConfig, 'LOG_LEVEL' | 'POSTHORN_LOG_DIR'>): ServiceLogger {
  const { LOG_LEVEL: level, POSTHORN_LOG_DIR: folder } = config
  const destinations = [open(1), ...(folder === undefined ? [] : [open(join(folder, 'worker.log'))])]
  const streams = destinations.map((stream) => ({ stream, level: level === 'silent' ? 'fatal' : level }))
  const logger = pino(
    {
      level,
      base: { service: 'worker', pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: REDACTED_PATHS, censor: REDACTED },
    },
    pino.multistream(streams),
  )
  const flush = () => {
    for (const destination of destinations) destination.flush()
  }
  setInterval(flush, FLUSH_EVERY_MS).unref()
  return { logger, flush }
}

/**
 * Where lines go. A worker must not stop for its log: where nobody reads any more or the disk is full, it goes on without.
 * (`flushSync` would try again for ever, and hold up everything.)
 */
function open(dest: number | string) {
  const destination = pino.destination({
    ...{ dest, minLength: GATHERED_BYTES, maxLength: MAX_KEPT_BYTES, sync: true, mkdir: true },
    retryEAGAIN: () => false,
  })
  return destination.on('error', () => undefined)
}
