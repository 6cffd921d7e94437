/** Text that PostgreSQL stores: valid UTF-8 without NUL. What it refuses becomes U+FFFD. */
export const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed()

/** The JSON text of a value, with every text in it storable; keys are left as they are. */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storableText(part) : part))
