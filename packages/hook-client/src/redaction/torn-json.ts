const DEEPEST = 200

/**
 * Closes a JSON object that breaks off: what is whole is kept, what was begun is left out, except that a
 * text keeps its beginning. Undefined when not even a first field is there.
 */
export function closeTornJson(text: string): string | undefined {
  const closers: string[] = []
  /** Up to here the text can be closed; with these closers. */
  let safe: { end: number; closers: string } | undefined
  let stringStart = -1
  let isName = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (stringStart >= 0) {
      if (character === '\\') at += 1
      else if (character === '"') {
        stringStart = -1
        if (!isName) safe = { end: at + 1, closers: closing(closers) }
      }
      continue
    }
    switch (character) {
      case '"':
        stringStart = at
        isName = closers.at(-1) === '}' && /[{,]\s*$/.test(text.slice(Math.max(0, at - 64), at))
        break
      case '{':
      case '[':
        closers.push(character === '{' ? '}' : ']')
        if (closers.length > DEEPEST) return undefined
        safe = { end: at + 1, closers: closing(closers) }
        break
      case '}':
      case ']':
        closers.pop()
        safe = { end: at + 1, closers: closing(closers) }
        break
      case ',':
        safe = { end: at, closers: closing(closers) }
        break
    }
  }
  // A text that breaks off is closed, but for an escape that was begun.
  if (stringStart >= 0 && !isName) {
    const whole = text.replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, '')
    const closed = `${whole}"${closing(closers)}`
    if (isObject(closed)) return closed
  }
  if (safe === undefined) return undefined
  const closed = text.slice(0, safe.end) + safe.closers
  return isObject(closed) ? closed : undefined
}

function closing(closers: readonly string[]): string {
  return closers.toReversed().join('')
}

function isObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    return (
      typeof parsed === 'object' &&
      parsed !== null &&
      !Array.isArray(parsed) &&
      Object.keys(parsed).length > 0
    )
  } catch {
    return false
  }
}
