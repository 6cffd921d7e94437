import { err, ok, type Result } from '@posthorn/core'
import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { RE2JS } from 're2js'
import type { JsonSchema } from './json-schema.ts'

/** Tells what does not fit a schema, in a sentence; undefined for data that fits. */
export type SchemaCheck = (data: unknown) => string | undefined

const MAX_PATTERN_LENGTH = 512
/** Instructions of a compiled pattern; a repetition such as `(a{1000}){1000}` would need a million. */
const MAX_PATTERN_SIZE = 10_000
const MAX_MESSAGE_LENGTH = 200
const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/

/** Formats whose check takes time in proportion to the text. Others are a mistake in the schema. */
const FORMATS = [
  ...(['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6'] as const),
  ...(['uri', 'uri-reference', 'uuid', 'json-pointer'] as const),
]

/**
 * Regular expressions in time proportional to the text (RE2): a pattern and the text that it meets both come from a
 * third party, and one that backtracks would hold up every call of the process.
 */
const linearRegExp = Object.assign(
  (pattern: string) => {
    if (pattern.length > MAX_PATTERN_LENGTH) throw new Error('a pattern is too long')
    const compiled = RE2JS.compile(pattern)
    if (compiled.programSize() > MAX_PATTERN_SIZE) throw new Error('a pattern is too large')
    return { test: (text: string) => compiled.test(text) }
  },
  { code: 'linearRegExp' },
)

const OPTIONS: Options = {
  // Unknown keywords are mistakes, since a mistyped one would check nothing; the rest of the strict mode is taste.
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  logger: false,
  code: { regExp: linearRegExp },
}

type Compiler = Pick<Ajv, 'compile' | 'removeSchema'>

function compilerFor(schema: JsonSchema): Compiler {
  const dialect = typeof schema === 'object' ? schema['$schema'] : undefined
  return typeof dialect === 'string' && DRAFT_07.test(dialect) ? draft07() : draft2020()
}

const draft07 = once(() => equip(new Ajv(OPTIONS)))
const draft2020 = once(() => equip(new Ajv2020(OPTIONS)))

function equip<T extends Ajv | Ajv2020>(ajv: T): T {
  addFormats.default(ajv as Ajv, { mode: 'fast', formats: FORMATS })
  // OpenAPI writers put these beside the schema; they check nothing.
  return ajv.addVocabulary(['example', 'xml', 'externalDocs']) as T
}

/**
 * Compiles a JSON Schema (draft 2020-12, or draft-07 by its `$schema`).
 *
 * @returns the check, or why the schema is none
 */
export function compileResponseSchema(schema: JsonSchema): Result<SchemaCheck, string> {
  const compiler = compilerFor(schema)
  try {
    const validate = compiler.compile(schema)
    return ok((data) => (validate(data) ? undefined : describe(validate.errors)))
  } catch (error) {
    return err(shorten(error instanceof Error ? error.message : 'unknown error'))
  } finally {
    // The compiler would keep every schema, and refuse a second one of the same $id.
    compiler.removeSchema(schema)
  }
}

function describe(errors: readonly ErrorObject[] | null | undefined): string {
  const [first] = errors ?? []
  if (first === undefined) return 'the answer does not fit the responseSchema'
  const where = first.instancePath === '' ? 'the answer' : `the answer at ${first.instancePath}`
  return shorten(`${where} ${first.message ?? 'does not fit the responseSchema'}`)
}

function shorten(text: string): string {
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text
}

/** Compilers take milliseconds to make; whoever has no schema never pays for them. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
