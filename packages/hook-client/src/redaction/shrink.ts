/** Says in a document what was cut from it. */
export const CUT_FIELD = 'posthorn_cut'

const SHORTEST_TEXT_BYTES = 128
const SHORTEST_LIST = 8
/** What a marker takes at most. */
const MARK_BYTES = 48
/** Characters differ in their bytes, so the first cut may be a little too small. */
const ROUNDS = 4

/**
 * The body with at most `maxBytes` bytes of UTF-8: the longest texts are cut first, then the longest lists
 * and objects, each with a marker that says how much; `posthorn_cut` says it of the whole. The body itself
 * when it is small enough. Undefined when it is no JSON object, or cannot be made that small.
 */
export function shrinkBody(body: string, maxBytes: number): string | undefined {
  if (Buffer.byteLength(body) <= maxBytes) return body
  try {
    const document: unknown = JSON.parse(body)
    if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
    return shrinkDocument(document as Record<string, unknown>, maxBytes)
  } catch {
    return undefined
  }
}

/** {@link shrinkBody} for a parsed document, which is changed. */
export function shrinkDocument(document: Record<string, unknown>, maxBytes: number): string | undefined {
  const originalBytes = bytesOf(document)
  if (originalBytes > maxBytes) markCut(document, { reason: 'too-large', originalBytes })
  for (let round = 0; round < ROUNDS; round++) {
    const excess = bytesOf(document) - maxBytes
    if (excess <= 0) return JSON.stringify(document)
    if (!cutTexts(document, excess)) break
  }
  for (let most = longestOf(document); most >= SHORTEST_LIST; most = Math.floor(most / 2)) {
    cutLists(document, most)
    if (bytesOf(document) <= maxBytes) return JSON.stringify(document)
  }
  const scalars = Object.entries(document).filter(
    ([name, value]) => typeof value !== 'object' || name === CUT_FIELD,
  )
  const rest = Object.fromEntries(scalars)
  return bytesOf(rest) <= maxBytes ? JSON.stringify(rest) : undefined
}

/** Notes in a document that something of it is missing. An earlier note stays as it is. */
export function markCut(
  document: Record<string, unknown>,
  note: { reason: string; originalBytes: number },
): void {
  document[CUT_FIELD] ??= note
}

interface Slot {
  holder: Record<string, unknown>
  name: string
  text: string
  bytes: number
}

/** Cuts the longest texts to a common length, so that about `excess` bytes go. False when none is long. */
function cutTexts(document: Record<string, unknown>, excess: number): boolean {
  const slots: Slot[] = []
  visit(document, (holder, name, value) => {
    if (typeof value === 'string' && value.length > SHORTEST_TEXT_BYTES / 6) {
      slots.push({ holder, name, text: value, bytes: bytesOf(value) })
    }
  })
  slots.sort((a, b) => b.bytes - a.bytes)
  const level = Math.max(SHORTEST_TEXT_BYTES, commonLength(slots, excess))
  const long = slots.filter(({ bytes }) => bytes > level + MARK_BYTES)
  for (const { holder, name, text, bytes } of long) {
    holder[name] = cutText(text, Math.floor((text.length * level) / bytes))
  }
  return long.length > 0
}

/** The length in bytes to which the longest have to be cut for `excess` bytes to go. */
function commonLength(slots: readonly Slot[], excess: number): number {
  let sum = 0
  for (const [index, { bytes }] of slots.entries()) {
    sum += bytes
    const count = index + 1
    const level = Math.floor((sum - excess) / count) - MARK_BYTES
    if (level >= (slots[count]?.bytes ?? 0)) return level
  }
  return 0
}

/** A cut text may carry the marker of an earlier cut: what that one took is added. */
const EARLIER_MARK = /\u2026\[posthorn: (\d+) characters cut\]$/

/** The first characters of a text, and a marker that says how many are missing. */
export function cutText(text: string, keep: number): string {
  const earlier = EARLIER_MARK.exec(text)
  const whole = earlier ? text.slice(0, earlier.index) : text
  // Half a surrogate pair is no character.
  const end = /[\ud800-\udbff]/.test(whole[keep - 1] ?? '') ? keep - 1 : keep
  const missing = whole.length - end + Number(earlier?.[1] ?? 0)
  return `${whole.slice(0, end)}…[posthorn: ${missing} characters cut]`
}

function cutLists(document: Record<string, unknown>, most: number): void {
  visit(document, (holder, name, value) => {
    if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return
    const entries = Object.entries(value)
    const missing = entries.length - most
    if (missing <= 0) return
    holder[name] = Array.isArray(value)
      ? [...value.slice(0, most), `…[posthorn: ${missing} items cut]`]
      : Object.fromEntries([...entries.slice(0, most), [CUT_FIELD, `${missing} fields`]])
  })
}

function longestOf(document: Record<string, unknown>): number {
  let longest = 0
  visit(document, (_holder, _name, value) => {
    if (typeof value === 'object' && value !== null) longest = Math.max(longest, Object.keys(value).length)
  })
  return longest
}

/** Calls `look` with each value below a document, a holder's values before what is in them. */
function visit(
  holder: Record<string, unknown>,
  look: (holder: Record<string, unknown>, name: string, value: unknown) => void,
): void {
  for (const name of Object.keys(holder)) {
    if (name === CUT_FIELD) continue
    look(holder, name, holder[name])
    const value = holder[name]
    if (typeof value === 'object' && value !== null && !JSON.isRawJSON(value)) {
      visit(value as Record<string, unknown>, look)
    }
  }
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
