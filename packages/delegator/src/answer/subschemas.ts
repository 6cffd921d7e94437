import type { JsonSchema } from './json-schema.ts'

/** Keys from the top to a place. */
export type Path = readonly (string | number)[]
/** A schema that is not just true or false. */
export type SchemaNode = Readonly<Record<string, unknown>>

/** A schema inside another one. */
export interface Subschema {
  readonly path: Path
  readonly schema: unknown
  /** Used only where something refers to it. */
  readonly isDefinition: boolean
}

/** Where schemas lie inside a schema: JSON Schema 2020-12 core, sections 8.2.4, 10 and 11, and those of draft-07. */
const ONE = new Set([
  ...['not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'additionalItems'],
  ...['propertyNames', 'unevaluatedProperties', 'unevaluatedItems', 'contentSchema'],
])
const LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'])
const MAP = new Set(['properties', 'patternProperties', 'dependentSchemas', 'dependencies'])
const DEFINITIONS = new Set(['$defs', 'definitions'])

/** The schemas directly inside a schema. */
export function subschemas(node: SchemaNode): Subschema[] {
  return Object.entries(node).flatMap(([keyword, value]) => {
    const isDefinition = DEFINITIONS.has(keyword)
    if (LIST.has(keyword) && Array.isArray(value)) {
      return value.map((schema, index) => ({ path: [keyword, index], schema, isDefinition }))
    }
    if (ONE.has(keyword) && isSchema(value)) return [{ path: [keyword], schema: value, isDefinition }]
    if (!(isDefinition || MAP.has(keyword)) || !isSchema(value) || typeof value === 'boolean') return []
    return Object.entries(value)
      .filter(([, schema]) => isSchema(schema))
      .map(([name, schema]) => ({ path: [keyword, name], schema, isDefinition }))
  })
}

/** Whether a value has the form of a schema. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value))
}

/**
 * The schema that a local reference (`#/…`, a JSON pointer, RFC 6901) leads to, and the keys on the way; undefined if
 * there is none.
 */
export function locate(
  root: JsonSchema,
  reference: string,
): { readonly schema: JsonSchema; readonly path: Path } | undefined {
  if (reference === '#') return { schema: root, path: [] }
  if (!reference.startsWith('#/')) return undefined
  const path: string[] = []
  let place: unknown = root
  for (const part of reference.slice(2).split('/')) {
    const key = unescapePointer(part)
    if (key === undefined || typeof place !== 'object' || place === null || !Object.hasOwn(place, key)) {
      return undefined
    }
    place = Reflect.get(place, key)
    path.push(key)
  }
  return isSchema(place) ? { schema: place, path } : undefined
}

function unescapePointer(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined
  }
}
