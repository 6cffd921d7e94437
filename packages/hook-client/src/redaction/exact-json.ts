/** A number kept as the text it came as. */
interface RawJson {
  readonly rawJSON: string
}

declare global {
  // ECMAScript "JSON.parse source text access", in Node since 21; TypeScript does not declare it yet.
  interface JSON {
    rawJSON(text: string): RawJson
    isRawJSON(value: unknown): value is RawJson
  }
}

/** Numbers that may not survive being read and written: many digits, or an exponent. */
const DELICATE_NUMBER = /\d[\d.]{14}|\d[eE]/

type Reviver = (this: unknown, name: string, value: unknown, context: { source?: string }) => unknown

const keepNumbers: Reviver = (_name, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value

/**
 * Parses JSON so that `JSON.stringify` gives each number back as it was written, such as `1e400` or an
 * integer beyond 2⁵³. In a document that is nested too deeply for that, numbers are what JavaScript makes of them.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  if (!DELICATE_NUMBER.test(text)) return JSON.parse(text)
  try {
    return JSON.parse(text, keepNumbers as never)
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text)
    throw error
  }
}
