import { err, ok, type Result } from '@posthorn/core'
import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { RE2JS } from 're2js'
import { CheckBudget, TooLargeError } from './check-budget.ts'
import type { JsonSchema } from './json-schema.ts'
import { CostCount } from './schema-cost.ts'
import { sizeMistake, sizeOfSchema } from './schema-limits.ts'
import { uniqueItems } from './unique-items.ts'

/**
 * Tells what does not fit a schema, in a sentence; undefined for data that fits. Data that would take too long to check
 * does not fit.
 *
 * @param bytes the length of the JSON text that the data was in
 */
export type SchemaCheck = (data: unknown, bytes: number) => string | undefined

const MAX_PATTERN_LENGTH = 512
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
 * third party, and one that backtracks would hold up every call of the process. What a match takes is charged to the
 * check that it is part of.
 */
function linearRegExp(budget: CheckBudget): RegExpEngine {
  const known = new Map<string, ReturnType<RegExpEngine>>()
  const make = (pattern: string) => {
    if (pattern.length > MAX_PATTERN_LENGTH) throw new Error('a pattern is too long')
    const compiled = RE2JS.compile(pattern)
    const size = compiled.programSize()
    const test = (text: string) => {
      budget.match(size, text.length)
      return compiled.test(text)
    }
    // The compiler takes patterns that print alike for the same one.
    return { test, toString: () => `/${pattern}/` }
  }
  const engine = (pattern: string) => {
    const made = known.get(pattern) ?? make(pattern)
    known.set(pattern, made)
    return made
  }
  return Object.assign(engine, { code: 'linearRegExp' })
}

type RegExpEngine = NonNullable<NonNullable<Options['code']>['regExp']>

const OPTIONS: Options = {
  // Unknown keywords are mistakes, since a mistyped one would check nothing; the rest of the strict mode is taste.
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: false,
  logger: false,
  // Code for each name and value would make a schema dearer to compile than to run; so would making the code shorter.
  loopEnum: 8,
  loopRequired: 8,
  code: { optimize: false },
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
    const count = new CostCount(schema)
    const [mistake] = count.mistakes
    if (mistake !== undefined) return err(`${mistake.path.join('.')} ${mistake.message}`)
    const excess = sizeMistake(sizeOfSchema(count))
    if (excess !== undefined) return err(excess)
    const budget = new CheckBudget(count.total)
    const options = {
      ...OPTIONS,
      code: { ...OPTIONS.code, regExp: linearRegExp(budget) },
      meta: false,
      validateSchema: false,
    }
    const compiler = dialectOf(schema).make(options)
    compiler.removeKeyword('uniqueItems').addKeyword(uniqueItems)
    addFormats.default(compiler, { mode: 'fast', formats: FORMATS })
    // OpenAPI writers put these beside the schema; they check nothing.
    compiler.addVocabulary(['example', 'xml', 'externalDocs'])
    const validate = compiler.compile(schema)
    return ok((data, bytes) => {
      try {
        budget.begin(data, bytes)
        return validate(data) ? undefined : describe(validate.errors)
      } catch (error) {
        if (error instanceof TooLargeError) return error.message
        throw error
      }
    })
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
