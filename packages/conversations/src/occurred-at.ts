import { uuidv7Time, type ValidationIssue } from '@posthorn/core'

/** Where the time of an event may stand, the best first. */
export interface TimeSources {
  /** the client's header */
  readonly capturedAt: string | null
  /** the body's own field: ISO 8601, or milliseconds since the epoch */
  readonly timestamp: unknown
  /** its time counts when it is a UUIDv7 */
  readonly requestId: string | null
  readonly receivedAt: Date
}

// Places in a conversation are texts: a year of five digits would sort before one of four.
const LAST_MS = Date.UTC(9999, 11, 31)

/** When an event happened, by its sender's clock; a time that cannot be read counts as not given, see {@link timeIssue}. */
export function occurredAt({ capturedAt, timestamp, requestId, receivedAt }: TimeSources): Date {
  const ms = [fromText(capturedAt), fromText(timestamp), fromNumber(timestamp), fromId(requestId)].find(
    isUsable,
  )
  return ms === undefined ? receivedAt : new Date(ms)
}

/** What is wrong with the client's header, where it was given and does not count. */
export function timeIssue(capturedAt: string | null): ValidationIssue | undefined {
  if (capturedAt === null || isUsable(fromText(capturedAt))) return undefined
  return {
    path: 'x-captured-at',
    message: 'cannot be read as a time and does not count',
    expected: 'ISO 8601, such as 2026-01-02T03:04:05.678Z',
  }
}

const isUsable = (ms: number | undefined): ms is number => ms !== undefined && ms > 0 && ms < LAST_MS

const fromText = (text: unknown): number | undefined =>
  typeof text === 'string' && /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : undefined

const fromNumber = (value: unknown): number | undefined =>
  typeof value === 'number' ? Math.floor(value) : undefined

function fromId(id: string | null): number | undefined {
  try {
    return id === null ? undefined : uuidv7Time(id)
  } catch {
    return undefined
  }
}
