import type { PublishInput } from '@posthorn/engine'
import { readJson } from '../http/json-text.ts'
import { invalid, tooLarge } from '../problems/catalogue.ts'
import { problemOf } from '../problems/from-error.ts'
import { type Problem, ProblemError } from '../problems/problem.ts'
import { readEnvelope } from './envelope.ts'
import { itemsOf, skipSpace } from './spans.ts'

/** How many events a batch may have. */
export const MAX_BATCH_ITEMS = 1_000

const LINE_FEED = 0x0a

/** One item of a batch: an event, or what is wrong with it. */
export type BatchItem = { readonly event: PublishInput } | { readonly problem: Problem }

/**
 * The events of a JSON array.
 *
 * @throws ProblemError 400 where the array as a whole cannot be read, 422 where it is none or has a wrong number of items
 */
export function itemsOfArray(bytes: Buffer, itemLimitBytes: number): BatchItem[] {
  const { text, value } = readJson(bytes)
  if (!Array.isArray(value))
    throw new ProblemError(invalid([{ path: '', message: 'must be a list of events' }]))
  checkCount(value.length)
  return itemsOf(text, skipSpace(text, 0)).map((span, at) =>
    itemOf(() => {
      checkSize(Buffer.byteLength(text.slice(span.start, span.end)), itemLimitBytes)
      return readEnvelope(text, value[at], span.start)
    }),
  )
}

/**
 * The events of newline-delimited JSON, one on each line that is not blank. A line that cannot be read is that line's
 * problem only.
 *
 * @throws ProblemError 422 where there are too few or too many lines
 */
export function itemsOfLines(bytes: Buffer, itemLimitBytes: number): BatchItem[] {
  const lines = linesOf(bytes)
  checkCount(lines.length)
  return lines.map((line) =>
    itemOf(() => {
      checkSize(line.length, itemLimitBytes)
      const { text, value } = readJson(line)
      return readEnvelope(text, value, skipSpace(text, 0))
    }),
  )
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  while (start < bytes.length) {
    const found = bytes.indexOf(LINE_FEED, start)
    const end = found === -1 ? bytes.length : found
    const line = bytes.subarray(start, end)
    if (!isBlank(line)) lines.push(line)
    start = end + 1
  }
  return lines
}

const isBlank = (line: Buffer) => line.every(isSpace)

const isSpace = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d

function itemOf(read: () => PublishInput): BatchItem {
  try {
    return { event: read() }
  } catch (error) {
    if (error instanceof ProblemError) return { problem: problemOf(error) }
    throw error
  }
}

function checkCount(count: number): void {
  if (count >= 1 && count <= MAX_BATCH_ITEMS) return
  throw new ProblemError(
    invalid([{ path: '', message: `has ${count} events`, expected: `1 to ${MAX_BATCH_ITEMS} events` }]),
  )
}

function checkSize(bytes: number, limit: number): void {
  if (bytes > limit) throw new ProblemError(tooLarge(`The event is larger than ${limit} bytes.`))
}
