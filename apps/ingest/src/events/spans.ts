/** Part of a text: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object, and where its value stands. */
export interface Member extends Span {
  readonly name: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/**
 * The members of the object that begins at `from`, in the order they stand, duplicates included. The text must have
 * been accepted by `JSON.parse` already: this finds places and checks nothing. It keeps a depth instead of recursing.
 */
export function membersOf(text: string, from: number): Member[] {
  const members: Member[] = []
  let at = skipSpace(text, from + 1)
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const nameEnd = skipString(text, at)
    const name = nameOf(text, at, nameEnd)
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = skipValue(text, start)
    members.push({ name, start, end })
    at = afterComma(text, end)
  }
  return members
}

/** The items of the array that begins at `from`. The text must have been accepted by `JSON.parse` already. */
export function itemsOf(text: string, from: number): Span[] {
  const items: Span[] = []
  let at = skipSpace(text, from + 1)
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = skipValue(text, at)
    items.push({ start: at, end })
    at = afterComma(text, end)
  }
  return items
}

/** The first character at or after `from` that is no white space of JSON (RFC 8259, section 2). */
export function skipSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

function afterComma(text: string, from: number): number {
  const at = skipSpace(text, from)
  return text.charCodeAt(at) === COMMA ? skipSpace(text, at + 1) : at
}

/** @returns the place after the string whose opening quote stands at `from` */
function skipString(text: string, from: number): number {
  let quote = text.indexOf('"', from + 1)
  while (isEscaped(text, quote)) quote = text.indexOf('"', quote + 1)
  return quote + 1
}

/** A quote belongs to the string when an odd number of backslashes stands before it. */
function isEscaped(text: string, quote: number): boolean {
  let at = quote - 1
  while (text.charCodeAt(at) === BACKSLASH) at -= 1
  return (quote - at) % 2 === 0
}

function skipValue(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === QUOTE) return skipString(text, from)
  return first === OPEN_BRACE || first === OPEN_BRACKET ? skipContainer(text, from) : skipScalar(text, from)
}

function skipContainer(text: string, from: number): number {
  let depth = 0
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = skipString(text, at)
      continue
    }
    at += 1
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) return at
    }
  }
}

/** A number, `true`, `false` or `null` ends where anything stands that cannot be part of one. */
function skipScalar(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    const isPart =
      (code >= 0x30 && code <= 0x39) ||
      (code >= 0x61 && code <= 0x7a) ||
      code === 0x2d ||
      code === 0x2b ||
      code === 0x2e ||
      code === 0x45
    if (!isPart) return at
    at += 1
  }
}

function nameOf(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1)
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner
}
