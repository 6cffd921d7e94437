import type { HookLog, LogFields } from '../../src/logs/types.ts'

/** A log that a test can read. */
export function recordingLog(): HookLog & {
  lines: { file: keyof HookLog; message: string; fields: LogFields }[]
} {
  const lines: { file: keyof HookLog; message: string; fields: LogFields }[] = []
  const write =
    (file: keyof HookLog) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ file, message, fields })
    }
  return {
    lines,
    success: write('success'),
    error: write('error'),
    queue: write('queue'),
    debug: write('debug'),
  }
}
