/** Text that PostgreSQL stores: valid UTF-8 without NUL. What it refuses becomes U+FFFD. */
export const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed()

/** The JSON text of a value, with every text in it storable; keys are left as they are. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value)
  // In JSON, NUL and half a surrogate pair show as escapes. Looking for those costs a tenth of looking at each text.
  if (!REFUSED_ESCAPE.test(text)) return text
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storableText(part) : part))
}

const REFUSED_ESCAPE = /\\u(?:0000|d[89a-f])/
