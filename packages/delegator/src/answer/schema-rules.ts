import { MAX_JSON_DEPTH } from './json-depth.ts'
import type { JsonSchema } from './json-schema.ts'
import { schemaMistake } from './schema-compiler.ts'
import { CostCount } from './schema-cost.ts'
import { isSchema, type Path, type SchemaNode, subschemas } from './subschemas.ts'

/** A mistake in a JSON Schema. */
export interface SchemaIssue {
  readonly path: Path
  readonly message: string
}

const MAX_TEXT = 65_536
/** Subschemas, those behind references counted at each place that refers to them. */
const MAX_EXPANDED = 1_000
/** Comparing every pair of more items than this takes noticeable time. */
const MAX_UNIQUE_ITEMS = 1_000

/** Keywords whose cost or scope nobody can bound by looking at the schema. */
const REFUSED: readonly string[] = ['$dynamicRef', '$recursiveRef', '$dynamicAnchor', '$anchor', '$async']

/**
 * What is wrong with a schema for answers: it is no JSON Schema, or it asks for something whose cost an app's answer
 * could drive up without bound. A schema runs in the process that everybody's calls share, over data that its author
 * also sends, so it must be cheap for any data: no recursion, a bounded size with references written out, and regular
 * expressions without backtracking (see `schema-compiler.ts`).
 */
export function responseSchemaIssues(schema: unknown): SchemaIssue[] {
  if (!isSchema(schema)) return [{ path: [], message: 'must be a JSON Schema: an object, true or false' }]
  const text = textOf(schema)
  if (text === undefined)
    return [{ path: [], message: `must be JSON, at most ${MAX_JSON_DEPTH} levels deep` }]
  if (text.length > MAX_TEXT) return [{ path: [], message: `must not be larger than ${MAX_TEXT} characters` }]
  const issues = new SchemaInspection(schema).issues()
  return issues.length > 0 ? issues : compilerIssues(schema)
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
  readonly #root: JsonSchema
  readonly #issues: SchemaIssue[] = []

  constructor(root: JsonSchema) {
    this.#root = root
  }

  issues(): SchemaIssue[] {
    this.#inspect(this.#root, [])
    if (this.#issues.length > 0) return this.#issues
    const { mistakes, total } = new CostCount(this.#root)
    if (mistakes.length > 0) return mistakes
    if (total.subschemas > MAX_EXPANDED) {
      this.#refuse([], `must not have more than ${MAX_EXPANDED} subschemas, references written out`)
    }
    return this.#issues
  }

  #inspect(schema: unknown, path: Path): void {
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
    this.#issues.push({ path, message })
  }
}
