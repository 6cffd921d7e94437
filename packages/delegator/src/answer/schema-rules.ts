import { MAX_JSON_DEPTH } from './json-depth.ts'
import type { JsonSchema } from './json-schema.ts'
import { schemaMistake } from './schema-compiler.ts'
import { CostCount } from './schema-cost.ts'
import { MAX_SCHEMA_TEXT, SchemaBudget, sizeMistake, sizeOfSchema } from './schema-limits.ts'
import { isSchema, type Path, type SchemaNode, subschemas } from './subschemas.ts'

/** A mistake in a JSON Schema. */
export interface SchemaIssue {
  readonly path: Path
  readonly message: string
}

/** Longer lists are asked to say so: their items are held in memory as text. */
const MAX_UNIQUE_ITEMS = 1_000

/** Keywords whose cost or scope nobody can bound by looking at the schema. */
const REFUSED: readonly string[] = ['$dynamicRef', '$recursiveRef', '$dynamicAnchor', '$anchor', '$async']

/**
 * What is wrong with a schema for answers: it is no JSON Schema, or it asks for something whose cost an app's answer
 * could drive up without bound. A schema runs in the process that everybody's calls share, over data that its author
 * also sends, so it must be cheap for any data: no recursion, a bounded size with references written out, and regular
 * expressions without backtracking (see `schema-compiler.ts`).
 *
 * @param budget what is left for the schemas of the same manifest; this one is taken from it before it is compiled
 */
export function responseSchemaIssues(
  schema: unknown,
  budget: SchemaBudget = new SchemaBudget(),
): SchemaIssue[] {
  if (!isSchema(schema)) return [{ path: [], message: 'must be a JSON Schema: an object, true or false' }]
  const text = textOf(schema)
  if (text === undefined)
    return [{ path: [], message: `must be JSON, at most ${MAX_JSON_DEPTH} levels deep` }]
  if (text.length > MAX_SCHEMA_TEXT)
    return [{ path: [], message: `must not be larger than ${MAX_SCHEMA_TEXT} characters` }]
  const { issues, subschemas: written } = new SchemaInspection(schema)
  if (issues.length > 0) return issues
  const count = new CostCount(schema)
  if (count.mistakes.length > 0) return count.mistakes
  const size = sizeOfSchema(count, { characters: text.length, written })
  const mistake = sizeMistake(size) ?? budget.take(size)
  return mistake === undefined ? compilerIssues(schema) : [{ path: [], message: mistake }]
}

function textOf(schema: JsonSchema): string | undefined {
  try {
    return depthOf(schema, 0) > MAX_JSON_DEPTH ? undefined : JSON.stringify(schema)
  } catch {
    return undefined
  }
}

function depthOf(value: unknown, above: number): number {
  if (typeof value !== 'object' || value === null || above > MAX_JSON_DEPTH) return above
  return Math.max(above + 1, ...Object.values(value).map((inner) => depthOf(inner, above + 1)))
}

function compilerIssues(schema: JsonSchema): SchemaIssue[] {
  const mistake = schemaMistake(schema)
  return mistake === undefined ? [] : [{ path: [], message: `is not a valid JSON Schema: ${mistake}` }]
}

class SchemaInspection {
  readonly issues: SchemaIssue[] = []
  /** Those in the text, whether something refers to them or not. */
  subschemas = 0

  constructor(root: JsonSchema) {
    this.#inspect(root, [])
  }

  #inspect(schema: unknown, path: Path): void {
    this.subschemas++
    if (typeof schema !== 'object' || schema === null) return
    const node = schema as SchemaNode
    for (const keyword of REFUSED) {
      if (keyword in node) this.#refuse([...path, keyword], 'is not supported')
    }
    if ('$id' in node && path.length > 0) this.#refuse([...path, '$id'], 'is only supported at the top')
    if (node['uniqueItems'] === true && !(Number(node['maxItems']) <= MAX_UNIQUE_ITEMS)) {
      this.#refuse([...path, 'uniqueItems'], `needs maxItems of at most ${MAX_UNIQUE_ITEMS} beside it`)
    }
    for (const child of subschemas(node)) this.#inspect(child.schema, [...path, ...child.path])
  }

  #refuse(path: Path, message: string): void {
    this.issues.push({ path, message })
  }
}
