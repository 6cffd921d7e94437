/**
 * What a line of the logs may carry besides its message. Never a payload, never a secret: values are flat on purpose, so
 * that no document fits.
 */
export interface LogFields {
  requestId?: string
  traceId?: string
  spanId?: string
  [field: string]: string | number | boolean | null | undefined
}

/**
 * The logs of the hook client, one method for each file: `webhook-success.log`, `webhook-error.log`,
 * `webhook-queue.log` and `webhook-debug.log`. Calls return at once and never throw.
 */
export interface HookLog {
  /** An event that the server took. */
  success(message: string, fields?: LogFields): void
  /** What went wrong, and what follows from it. */
  error(message: string, fields?: LogFields): void
  /** What happens in the spool: spooled, claimed, waiting, moved, dropped. */
  queue(message: string, fields?: LogFields): void
  /** Details, written only when debugging is asked for. */
  debug(message: string, fields?: LogFields): void
}

/** Logs nothing. */
export const silentLog: HookLog = { success() {}, error() {}, queue() {}, debug() {} }
