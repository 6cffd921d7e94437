import { isUtf8 } from 'node:buffer'
import { malformed } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/** JSON text that has been read, with the value it stands for. */
export interface JsonText {
  readonly text: string
  readonly value: unknown
}

/**
 * Reads bytes as one JSON text. Nothing is replaced: decoding valid UTF-8 loses nothing, so that a part of the text,
 * encoded again, is that part of the bytes. `JSON.parse` does not recurse, so depth is no danger here.
 *
 * @throws ProblemError 400 for what is no UTF-8 (RFC 8259, section 8.1) or no JSON
 */
export function readJson(bytes: Buffer): JsonText {
  if (!isUtf8(bytes)) throw new ProblemError(malformed('The body is not valid UTF-8.'))
  const text = bytes.toString('utf8')
  return { text, value: parse(text) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ProblemError(malformed(describe(text, error)))
  }
}

/** Where the text stops being JSON. The parser's own words are not repeated: they quote the body. */
function describe(text: string, error: unknown): string {
  if (text.trim() === '') return 'The body is empty.'
  if (text.startsWith('\uFEFF'))
    return 'The body begins with a byte order mark, which JSON text must not have.'
  const [, position] = /at position (\d+)/.exec(String((error as Error).message)) ?? []
  return position === undefined
    ? 'The body is not valid JSON.'
    : `The body is not valid JSON, at character ${position}.`
}
