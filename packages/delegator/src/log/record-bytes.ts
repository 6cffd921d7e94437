import type { CallAttempt, CallLogBatch } from './call-log.ts'

/** Ids, times and figures, which every record has about as many of. */
const BARE_BYTES = 512
/** What is looked at of one record: a strategy's `audit` may be anything, also endless. */
const MAX_VALUES = 10_000

/** Any record of a batch. */
type AnyRecord = CallLogBatch[keyof CallLogBatch][number]

/** About how many bytes of memory a record takes: its texts, which strangers choose, and something for the rest. */
export function recordBytes(record: AnyRecord): number {
  return BARE_BYTES + textsIn(record)
}

/** About how many of them are the response of an attempt, its body and its headers. */
export function responseBytes({ responseBody, responseHeaders }: CallAttempt): number {
  return textsIn(responseBody) + textsIn(responseHeaders)
}

function textsIn(root: unknown): number {
  if (typeof root === 'string') return root.length
  const waiting = [root]
  let bytes = 0
  for (let looked = 0; waiting.length > 0 && looked < MAX_VALUES; looked++) {
    const value = waiting.pop()
    if (!isObject(value)) continue
    // Makes no lists of names and values: every call has this done twice.
    for (const name in value) {
      const inner = value[name]
      bytes += name.length
      looked++
      if (typeof inner === 'string') bytes += inner.length
      else if (isObject(inner)) waiting.push(inner)
    }
  }
  return bytes
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
