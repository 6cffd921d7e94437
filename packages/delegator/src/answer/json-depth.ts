/** Deeper JSON is refused: printing or comparing it could end the stack. */
export const MAX_JSON_DEPTH = 64

/** Whether JSON text nests arrays and objects deeper than `limit`. Reads it once, without parsing. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > limit) return true
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return false
}

/** Why a value is no JSON that can be stored and sent; undefined if it is. */
export function jsonMistake(value: unknown): string | undefined {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    return error instanceof RangeError ? TOO_DEEP : 'must be JSON'
  }
  return text !== undefined && isDeeperThan(text, MAX_JSON_DEPTH) ? TOO_DEEP : undefined
}

const TOO_DEEP = `must not be nested deeper than ${MAX_JSON_DEPTH} levels`
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
