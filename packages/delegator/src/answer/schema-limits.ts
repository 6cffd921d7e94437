import { patternSize } from './pattern-size.ts'
import type { CostCount } from './schema-cost.ts'

/** Characters of one schema. */
export const MAX_SCHEMA_TEXT = 65_536

/** What one schema may hold, and what all of a manifest may hold together: compiling it stops everything else. */
const OF_SCHEMA = { rules: 1_500, instructions: 5_000 } as const
const OF_MANIFEST = { characters: 524_288, rules: 7_500, instructions: 10_000 } as const
/** The smallest schema takes as long to compile as that many rules of a larger one. */
const RULES_OF_ANY_SCHEMA = 20

/** What a schema takes to compile. */
export interface SchemaSize {
  readonly characters: number
  readonly rules: number
  readonly instructions: number
}

const WORDS: Readonly<Record<keyof SchemaSize, string>> = {
  characters: 'characters',
  rules: 'subschemas and keywords, references written out',
  instructions: 'instructions in patterns, repetitions written out',
}
const KINDS = ['characters', 'rules', 'instructions'] as const

/**
 * @param text characters of the schema, and the subschemas written in it, those included that nothing refers to; left
 * out for a schema that was read before
 */
export function sizeOfSchema(
  count: CostCount,
  text: { readonly characters: number; readonly written: number } = { characters: 0, written: 0 },
): SchemaSize {
  const instructions = [...count.patterns].reduce((sum, pattern) => sum + patternSize(pattern), 0)
  return { characters: text.characters, rules: Math.max(count.total.rules, text.written), instructions }
}

/** Why a schema is too large by itself; undefined if it is not. */
export function sizeMistake(size: SchemaSize): string | undefined {
  const kind = (['rules', 'instructions'] as const).find((one) => size[one] > OF_SCHEMA[one])
  return kind && `must not have more than ${OF_SCHEMA[kind]} ${WORDS[kind]}`
}

/** What is left for the schemas of one manifest. */
export class SchemaBudget {
  readonly #left = { ...OF_MANIFEST } as { -readonly [K in keyof SchemaSize]: number }

  /** Takes a schema in, or tells why there is no room left for it. */
  take({ characters, rules, instructions }: SchemaSize): string | undefined {
    const wanted = { characters, rules: rules + RULES_OF_ANY_SCHEMA, instructions }
    const kind = KINDS.find((one) => wanted[one] > this.#left[one])
    if (kind !== undefined) {
      return `must not have more than ${OF_MANIFEST[kind]} ${WORDS[kind]}, together with the responseSchemas before it`
    }
    for (const one of KINDS) this.#left[one] -= wanted[one]
    return undefined
  }
}
