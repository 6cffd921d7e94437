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
const IS_DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/
const IS_DRAFT_2020 = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/

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
    // The compiler takes patterns that print alike for the same one.
    return { test: (text: string) => compiled.test(text), toString: () => `/${pattern}/` }
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

interface Dialect {
  readonly make: (options: Options) => Ajv
  /** Checks schemas against the dialect's own; making it takes a tenth of a second. */
  readonly meta: () => Ajv
}

const DRAFT_07: Dialect = dialect((options) => new Ajv(options))
const DRAFT_2020: Dialect = dialect((options) => new Ajv2020(options) as Ajv)

function dialect(make: Dialect['make']): Dialect {
  return { make, meta: once(() => make(OPTIONS)) }
}

function dialectOf(schema: JsonSchema): Dialect {
  return IS_DRAFT_07.test(dialectName(schema) ?? '') ? DRAFT_07 : DRAFT_2020
}

function dialectName(schema: JsonSchema): string | undefined {
  const name = typeof schema === 'object' ? schema['$schema'] : undefined
  return name === undefined ? undefined : String(name)
}

/** Why a schema is no JSON Schema (draft 2020-12, or draft-07 by its `$schema`); undefined if it is one. */
export function schemaMistake(schema: JsonSchema): string | undefined {
  const name = dialectName(schema)
  if (name !== undefined && !IS_DRAFT_07.test(name) && !IS_DRAFT_2020.test(name))
    return '$schema must be that of draft 2020-12 or draft-07'
  const checker = dialectOf(schema).meta()
  if (checker.validateSchema(schema) !== true) return shorten(checker.errorsText(checker.errors))
  const compiled = compileResponseSchema(schema)
  return compiled.ok ? undefined : compiled.error
}

/**
 * Compiles a JSON Schema that was checked before, see {@link schemaMistake}: a call must not wait for that.
 *
 * @returns the check, or why there is none
 */
export function compileResponseSchema(schema: JsonSchema): Result<SchemaCheck, string> {
  try {
    // A compiler keeps whatever it has compiled: each schema has one of its own, which goes when the check goes.
    const compiler = dialectOf(schema).make({ ...OPTIONS, meta: false, validateSchema: false })
    addFormats.default(compiler, { mode: 'fast', formats: FORMATS })
    // OpenAPI writers put these beside the schema; they check nothing.
    compiler.addVocabulary(['example', 'xml', 'externalDocs'])
    const validate = compiler.compile(schema)
    return ok((data) => (validate(data) ? undefined : describe(validate.errors)))
  } catch (error) {
    return err(shorten(error instanceof Error ? error.message : 'unknown error'))
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

/** Whoever has no schema never pays for it. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
