import { pino } from 'pino'
import { paint } from '../terminal/output.ts'

const LEVELS: Readonly<Record<number, string>> = { 40: 'warn', 50: 'error', 60: 'fatal' }

/** A logger, and what writes its last lines. */
export interface DevLog {
  readonly logger: pino.Logger
  flush(): void
}

/** Everything goes to a file as JSON; warnings and errors also to standard error, as lines for people. */
export function createDevLog(file: string, level: string): DevLog {
  const destination = pino.destination({ dest: file, sync: true, mode: 0o600 })
  // A full disk is no reason to stop.
  destination.on('error', () => undefined)
  const terminal = { write: (line: string) => void process.stderr.write(`${forPeople(line)}\n`) }
  const logger = pino(
    { level, timestamp: pino.stdTimeFunctions.isoTime, base: { pid: process.pid } },
    pino.multistream([
      { stream: destination, level: level === 'silent' ? 'fatal' : (level as pino.Level) },
      { stream: terminal, level: 'warn' },
    ]),
  )
  return { logger, flush: () => destination.flush() }
}

function forPeople(line: string): string {
  const { time, level, msg, err, incident } = JSON.parse(line) as {
    time?: string
    level?: number
    msg?: string
    err?: { message?: string }
    incident?: string
  }
  const name = LEVELS[level ?? 0] ?? 'info'
  const tag = paint(name === 'warn' ? 'yellow' : 'red', name, process.stderr)
  const why = err?.message ?? incident
  return `${time?.slice(11, 19) ?? ''} ${tag} ${msg ?? ''}${why ? `: ${why}` : ''}`
}
