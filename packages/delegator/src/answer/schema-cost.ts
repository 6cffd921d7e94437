import type { JsonSchema } from './json-schema.ts'
import { isSchema, locate, type Path, type SchemaNode, subschemas } from './subschemas.ts'

/** What a schema costs with its references written out: to compile, and to run on an answer. A step is about a nanosecond. */
export interface SchemaCost {
  /** Subschemas and the keywords in them: what the compiler has to write code for. */
  readonly rules: number
  /** Steps each time that the schema meets a value. */
  readonly steps: number
  /** Steps for each value so many levels below the one that the schema meets; 0 has none of its own. */
  readonly stepsBelow: readonly number[]
  /** Steps for each value at any level. */
  readonly stepsPerNode: number
  /** Steps for each character of an answer, without those of regular expressions. */
  readonly stepsPerCharacter: number
}

/** A reference that cannot be written out. */
export interface ReferenceMistake {
  readonly path: Path
  readonly message: string
}

type Counts = { -readonly [K in Exclude<keyof SchemaCost, 'stepsBelow'>]: number } & { stepsBelow: number[] }

/**
 * Measured and rounded up. They hold for schemas of hundreds of rules, which run without the engine's optimizations,
 * and for values that do not fit, since an error is made for each.
 */
const STEPS_OF_SUBSCHEMA = 60
const STEPS_OF_KEYWORD = 50
const STEPS_OF_KEYWORDS: Readonly<Record<string, number>> = {
  ...{ not: 100, if: 100, $ref: 100, format: 250, multipleOf: 250, pattern: 100 },
}
const STEPS_OF_BRANCH = 400
const STEPS_OF_NAME = 30
const STEPS_OF_SCALAR = 25
const STEPS_OF_NESTED = 60
/** Keywords that go through all items or properties of a value: for each of those. */
const STEPS_BELOW: Readonly<Record<string, number>> = {
  ...{ items: 50, additionalItems: 50, contains: 100, minProperties: 150, maxProperties: 150 },
  ...{ additionalProperties: 180, patternProperties: 300, propertyNames: 150, dependencies: 0 },
  ...{ unevaluatedProperties: 300, unevaluatedItems: 100 },
}
const STEPS_PER_NODE: Readonly<Record<string, number>> = { uniqueItems: 500, const: 50, enum: 20 }
const STEPS_PER_CHARACTER: Readonly<Record<string, number>> = {
  ...{ minLength: 3, maxLength: 3, format: 12, uniqueItems: 6 },
}
/** Subschemas that meet one item or property of a value. */
const OF_ONE = new Set(['properties', 'prefixItems'])
/** Subschemas that meet every one. */
const OF_ALL = new Set([
  ...['items', 'additionalItems', 'contains', 'additionalProperties', 'patternProperties', 'propertyNames'],
  ...['unevaluatedProperties', 'unevaluatedItems'],
])

/** Neither code nor time comes of these. */
const ANNOTATIONS = new Set([
  ...['$schema', '$id', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples'],
  ...['deprecated', 'readOnly', 'writeOnly', 'example', 'xml', 'externalDocs', 'contentMediaType'],
  ...['contentEncoding', 'contentSchema', 'then', 'else'],
])

/**
 * Adds up what a schema costs. At each of the places where it stands, a subschema meets a value at most once, and only
 * values of one level: so its steps, times the values of that level, bound the time of a check.
 */
export class CostCount {
  /** References that lead nowhere, or back; what they cost is left out. */
  readonly mistakes: ReferenceMistake[] = []
  /** The regular expressions in the schema, each once. */
  readonly patterns: Set<string> = new Set()
  readonly total: SchemaCost
  readonly #root: JsonSchema
  readonly #known = new Map<SchemaNode, SchemaCost>()
  readonly #open = new Set<SchemaNode>()

  constructor(root: JsonSchema) {
    this.#root = root
    this.total = this.#cost(root, [])
  }

  #cost(schema: unknown, path: Path): SchemaCost {
    const cost: Counts = {
      ...{ rules: 1, steps: STEPS_OF_SUBSCHEMA },
      ...{ stepsBelow: [], stepsPerNode: 0, stepsPerCharacter: 0 },
    }
    if (typeof schema !== 'object' || schema === null) return cost
    const node = schema as SchemaNode
    const known = this.#known.get(node)
    if (known !== undefined) return known
    this.#open.add(node)
    for (const [keyword, value] of Object.entries(node)) this.#addKeyword(cost, keyword, value)
    for (const child of subschemas(node)) {
      if (!child.isDefinition) {
        add(cost, this.#cost(child.schema, [...path, ...child.path]), String(child.path[0]))
      }
    }
    this.#addReference(cost, node['$ref'], [...path, '$ref'])
    this.#open.delete(node)
    this.#known.set(node, cost)
    return cost
  }

  #addKeyword(cost: Counts, keyword: string, value: unknown): void {
    if (ANNOTATIONS.has(keyword)) return
    if (keyword === 'pattern' && typeof value === 'string') this.patterns.add(value)
    if (keyword === 'patternProperties' && isSchema(value)) {
      for (const pattern of Object.keys(value)) this.patterns.add(pattern)
    }
    cost.rules += 1
    cost.steps += own(STEPS_OF_KEYWORDS, keyword) ?? STEPS_OF_KEYWORD
    cost.stepsPerNode += own(STEPS_PER_NODE, keyword) ?? 0
    cost.stepsPerCharacter += own(STEPS_PER_CHARACTER, keyword) ?? 0
    addBelow(cost, 1, own(STEPS_BELOW, keyword) ?? 0)
    if (keyword === 'required') cost.steps += lengthOf(value) * STEPS_OF_NAME
    if (keyword === 'oneOf') cost.rules += lengthOf(value)
    if (keyword === 'anyOf' || keyword === 'oneOf') cost.steps += lengthOf(value) * STEPS_OF_BRANCH
    if (keyword === 'enum' && Array.isArray(value)) {
      const nested = value.filter((entry) => typeof entry === 'object' && entry !== null).length
      cost.steps += (value.length - nested) * STEPS_OF_SCALAR
      cost.steps += nested * STEPS_OF_NESTED
      cost.stepsPerNode += nested * STEPS_OF_NESTED
    }
    if ((keyword === 'dependentRequired' || keyword === 'dependencies') && isSchema(value)) {
      for (const names of Object.values(value)) {
        // The code for a list of names grows with its square.
        cost.rules += 1 + lengthOf(names) + lengthOf(names) ** 2 / 20
        cost.steps += (1 + lengthOf(names)) * STEPS_OF_NAME
      }
    }
  }

  #addReference(cost: Counts, reference: unknown, path: Path): void {
    if (reference === undefined) return
    const target = typeof reference === 'string' ? locate(this.#root, reference) : undefined
    if (target === undefined) {
      const message = 'must be a reference to a place in the same schema, such as #/$defs/name'
      this.mistakes.push({ path, message })
    } else if (typeof target.schema === 'object' && this.#open.has(target.schema)) {
      this.mistakes.push({ path, message: 'must not lead back to a schema that it is part of' })
    } else add(cost, this.#cost(target.schema, target.path), '$ref')
  }
}

function add(sum: Counts, cost: SchemaCost, keyword: string): void {
  sum.rules += cost.rules
  sum.stepsPerNode += cost.stepsPerNode
  sum.stepsPerCharacter += cost.stepsPerCharacter
  const meetsAll = OF_ALL.has(keyword)
  if (meetsAll) addBelow(sum, 1, cost.steps)
  else sum.steps += cost.steps
  const level = meetsAll || OF_ONE.has(keyword) ? 1 : 0
  for (const [below, steps] of cost.stepsBelow.entries()) addBelow(sum, level + below, steps)
}

function addBelow(sum: Counts, level: number, steps: number): void {
  while (sum.stepsBelow.length <= level) sum.stepsBelow.push(0)
  sum.stepsBelow[level] = (sum.stepsBelow[level] ?? 0) + steps
}

function own(table: Readonly<Record<string, number>>, keyword: string): number | undefined {
  return Object.hasOwn(table, keyword) ? table[keyword] : undefined
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0
}
