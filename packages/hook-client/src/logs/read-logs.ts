import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { READ_FLAGS } from '../plain-file.ts'
import { LOG_FILES, LOG_LEVELS, type LogFile, type LogLevel } from './log-entry.ts'
import { logPath } from './logs.ts'
import { rotatedFiles } from './rotation.ts'

/** Which entries are wanted; what is not given does not matter. */
export interface LogFilter {
  readonly files?: readonly LogFile[]
  /** The id, or how it begins. */
  readonly requestId?: string
  /** This level and the more serious ones. */
  readonly level?: LogLevel
  readonly since?: Date
  readonly until?: Date
  /** Stands somewhere in the entry, in any case. */
  readonly text?: string
}

/** An entry as it was read. */
export interface LogRecord {
  readonly file: LogFile
  readonly time: string
  readonly level: LogLevel
  readonly message: string
  readonly requestId: string | null
  readonly [field: string]: unknown
}

const POLL_MS = 200

/**
 * The newest entries that match, the oldest of them first, from the four logs and what was put aside of them. Lines that
 * are no entries, such as one that a full disk cut off, are passed over.
 */
export async function readLogs(directory: string, filter: LogFilter, limit: number): Promise<LogRecord[]> {
  let found: LogRecord[] = []
  const newest = () => {
    found.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    found = found.slice(-limit)
  }
  for (const file of filter.files ?? LOG_FILES) {
    const path = logPath(directory, file)
    for (const part of [...asideOf(path), path]) {
      await using handle = await openIfThere(part)
      if (handle === undefined) continue
      for await (const line of handle.readLines({ autoClose: false })) {
        const record = parse(file, line)
        if (record && matches(record, line, filter)) found.push(record)
        if (found.length > limit + 10_000) newest()
      }
    }
  }
  newest()
  return found
}

/**
 * Entries that match, as they are written from now on (from the return of this function on), until the signal is
 * aborted. Goes on across rotations.
 */
export async function followLogs(
  directory: string,
  filter: LogFilter,
  signal: AbortSignal,
): Promise<AsyncGenerator<LogRecord, void>> {
  const tails = (filter.files ?? LOG_FILES).map((file) => new Tail(file, logPath(directory, file)))
  for (const tail of tails) await tail.skipToEnd()
  return newRecords(tails, filter, signal)
}

async function* newRecords(
  tails: readonly Tail[],
  filter: LogFilter,
  signal: AbortSignal,
): AsyncGenerator<LogRecord, void> {
  try {
    while (!signal.aborted) {
      for (const tail of tails) {
        for (const line of await tail.lines()) {
          const record = parse(tail.file, line)
          if (record && matches(record, line, filter)) yield record
        }
      }
      await wait(POLL_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    for (const tail of tails) await tail.close()
  }
}

/** The growing end of one log. It holds the file open, so that it reads to its end also what was put aside meanwhile. */
class Tail {
  readonly file: LogFile
  readonly #path: string
  #handle: FileHandle | undefined
  #position = 0

  constructor(file: LogFile, path: string) {
    this.file = file
    this.#path = path
  }

  async skipToEnd(): Promise<void> {
    this.#handle = await openIfThere(this.#path)
    this.#position = (await this.#handle?.stat())?.size ?? 0
  }

  async lines(): Promise<string[]> {
    let text = await this.#read()
    if (await this.#isReplaced()) {
      text += await this.#read()
      await this.close()
      this.#handle = await openIfThere(this.#path)
      this.#position = 0
      text += await this.#read()
    }
    return text.split('\n')
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #read(): Promise<string> {
    if (this.#handle === undefined) return ''
    const size = (await this.#handle.stat()).size - this.#position
    if (size <= 0) return ''
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(size), 0, size, this.#position)
    // A line that is not whole yet is read again with its rest.
    const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
    this.#position += end
    return buffer.toString('utf8', 0, end)
  }

  async #isReplaced(): Promise<boolean> {
    await using current = await openIfThere(this.#path)
    if (current === undefined) return false
    return this.#handle === undefined || (await current.stat()).ino !== (await this.#handle.stat()).ino
  }
}

function parse(file: LogFile, line: string): LogRecord | undefined {
  try {
    const entry = JSON.parse(line) as Record<string, unknown>
    const { time, level, message, requestId = null } = entry
    if (typeof time !== 'string' || typeof message !== 'string') return undefined
    if (!LOG_LEVELS.includes(level as LogLevel)) return undefined
    const id = typeof requestId === 'string' ? requestId : null
    return { ...entry, file, time, level: level as LogLevel, message, requestId: id }
  } catch {
    return undefined
  }
}

function matches(record: LogRecord, line: string, filter: LogFilter): boolean {
  const { requestId, level, since, until, text } = filter
  if (requestId !== undefined && !record.requestId?.startsWith(requestId.toLowerCase())) return false
  if (level !== undefined && LOG_LEVELS.indexOf(record.level) < LOG_LEVELS.indexOf(level)) return false
  if (since !== undefined && Date.parse(record.time) < since.getTime()) return false
  if (until !== undefined && Date.parse(record.time) > until.getTime()) return false
  return text === undefined || line.toLowerCase().includes(text.toLowerCase())
}

function asideOf(path: string): string[] {
  try {
    return rotatedFiles(path)
  } catch {
    return []
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(path, READ_FLAGS)
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
    return undefined
  } catch (error) {
    // Another process may put a log aside or remove it at any time; and no log is a link.
    if (
      ['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      return undefined
    throw error
  }
}
