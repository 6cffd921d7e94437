import type { Logger } from '@posthorn/engine'

/** A logger that remembers. */
export interface LogRecorder extends Logger {
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[]
  messages(level?: string): string[]
}

export function createLogRecorder(): LogRecorder {
  const lines: LogRecorder['lines'] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: { ...fields } })
  return {
    lines,
    messages: (level) =>
      lines.filter((line) => level === undefined || line.level === level).map((line) => line.message),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
}
