const LONE_SURROGATE = /\p{Surrogate}/gu
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/**
 * Turns what a stranger sent into text that PostgreSQL stores: valid UTF-8 without NUL. Bytes that are not UTF-8, lone
 * surrogates and NUL each become U+FFFD, so that nothing disappears without a trace.
 */
export function toStorableText(input: Uint8Array | string): string {
  const text = typeof input === 'string' ? input.replace(LONE_SURROGATE, '\uFFFD') : decoder.decode(input)
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text
}
