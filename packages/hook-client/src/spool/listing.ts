import { uuidv7Time } from '@posthorn/core'
import { unlessGone } from './disk.ts'
import { decodeEvent } from './event-file.ts'
import { at, FOLDERS, idOfEventFile, namesIn, parseClaimFile, REASON_SUFFIX, type Spool } from './layout.ts'
import { readState } from './state-file.ts'
import type { Failure, SpoolEntry, SpoolFolder } from './types.ts'

/** The events of a folder, or of all, each folder in order of capture. */
export function listEvents(spool: Spool, folder?: SpoolFolder): SpoolEntry[] {
  const state = readState(spool)
  const retries = state === null || state === 'corrupt' ? {} : state.retries
  const folders = folder === undefined ? FOLDERS : [folder]
  return folders.flatMap((one) =>
    eventFilesIn(spool, one).flatMap((file) => {
      const read = readEntry(spool, one, file)
      if (read === undefined) return []
      const retry = one === 'failed' ? undefined : retries[read.entry.requestId]
      return [retry === undefined ? read.entry : { ...read.entry, retry }]
    }),
  )
}

/** One event, in whatever folder, with its file's text as it lies there. Undefined when there is none. */
export function showEvent(spool: Spool, requestId: string): { entry: SpoolEntry; text: string } | undefined {
  // One that moves to another folder meanwhile may be missed by a look.
  return lookFor(spool, requestId) ?? lookFor(spool, requestId)
}

function lookFor(spool: Spool, requestId: string): { entry: SpoolEntry; text: string } | undefined {
  const entry = listEvents(spool).find((one) => one.requestId === requestId || one.file === requestId)
  const text = entry && readText(spool, entry.folder, entry.file)
  if (entry === undefined || text === undefined) return undefined
  return { entry, text: 'content' in text ? text.content : '' }
}

/** The names of event files in a folder: reasons, which lie beside the failed ones, left out. */
export function eventFilesIn(spool: Spool, folder: SpoolFolder): string[] {
  return namesIn(spool, folder).filter((name) => !name.endsWith(REASON_SUFFIX))
}

/** The time of an event's capture, epoch milliseconds; undefined for a name that has none. */
export function capturedAtOf(requestId: string): number | undefined {
  try {
    return uuidv7Time(requestId)
  } catch {
    return undefined
  }
}

/** How long ago something was, never negative: a clock may go back. */
export function ageMs(spool: Spool, sinceMs: number): number {
  return Math.max(0, spool.clock.now() - sinceMs)
}

function readEntry(spool: Spool, folder: SpoolFolder, file: string): { entry: SpoolEntry } | undefined {
  const info = spool.disk.info(at(spool, folder, file))
  const text = info && readText(spool, folder, file)
  if (info === undefined || text === undefined) return undefined
  const parsed = folder === 'processing' ? parseClaimFile(file) : undefined
  const requestId = parsed?.requestId ?? idOfEventFile(file)
  const decoded =
    'unreadable' in text
      ? { corrupt: text.unreadable }
      : requestId === undefined
        ? { corrupt: 'the name is not that of an event' }
        : decodeEvent(spool, text.content, requestId)
  const failure = folder === 'failed' ? readFailure(spool, file) : undefined
  const entry: SpoolEntry = {
    folder,
    file,
    requestId: requestId ?? file,
    bytes: info.bytes,
    ageMs: ageMs(spool, capturedAtOf(requestId ?? file) ?? info.modifiedAt),
    ...(parsed && { claim: parsed.claim }),
    ...(failure && { failure }),
  }
  if ('corrupt' in decoded) return { entry: { ...entry, corrupt: decoded.corrupt } }
  const { body, ...head } = 'event' in decoded ? decoded.event : decoded.written
  const unsealed = 'unsealed' in decoded ? { unsealed: decoded.unsealed } : {}
  return { entry: { ...entry, ...unsealed, event: { ...head, bodyBytes: Buffer.byteLength(body) } } }
}

/** A file's text, or why it cannot be read; undefined when it is gone. */
function readText(
  spool: Spool,
  ...parts: string[]
): { content: string } | { unreadable: string } | undefined {
  try {
    return unlessGone(() => ({ content: spool.disk.read(at(spool, ...parts)) }))
  } catch (error) {
    return { unreadable: `the file cannot be read: ${(error as Error).message}` }
  }
}

/** What is kept beside a file in `failed/`. */
export function readFailure(spool: Spool, file: string): Failure | undefined {
  const text = readText(spool, 'failed', file.replace(/\.json$/, '') + REASON_SUFFIX)
  if (text === undefined || 'unreadable' in text) return undefined
  try {
    return JSON.parse(text.content) as Failure
  } catch {
    return undefined
  }
}
