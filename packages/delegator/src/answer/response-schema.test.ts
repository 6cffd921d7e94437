import { describe, expect, it } from 'vitest'
import type { JsonSchema } from './json-schema.ts'
import { SchemaChecks } from './schema-checks.ts'
import { compileResponseSchema } from './schema-compiler.ts'
import { responseSchemaIssues } from './schema-rules.ts'

function check(schema: JsonSchema, data: unknown): string | undefined {
  expect(responseSchemaIssues(schema)).toEqual([])
  const compiled = compileResponseSchema(schema)
  if (!compiled.ok) throw new Error(compiled.error)
  return compiled.value(data, JSON.stringify(data).length)
}

/** Schemas that refer to two of the one below, `levels` times: each level doubles the work. */
function doubling(levels: number): JsonSchema {
  const defs = Array.from({ length: levels }, (_, n) => {
    const below = { $ref: `#/$defs/s${n + 1}` }
    return [`s${n}`, { allOf: [below, below] }] as const
  })
  return { $defs: Object.fromEntries([...defs, [`s${levels}`, { type: 'object' }]]), $ref: '#/$defs/s0' }
}

describe('a responseSchema', () => {
  it('says where an answer does not fit', () => {
    const schema = {
      type: 'object',
      properties: { winner: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } },
      required: ['winner'],
      additionalProperties: false,
    }
    expect(check(schema, { winner: { id: 7 } })).toBeUndefined()
    expect(check(schema, { winner: { id: '7' } })).toBe('the answer at /winner/id must be integer')
    expect(check(schema, {})).toBe("the answer must have required property 'winner'")
    expect(check(schema, null)).toBe('the answer must be object')
  })

  it('is of draft 2020-12, or of draft-07 if it says so', () => {
    expect(check({ prefixItems: [{ type: 'string' }], items: false }, ['a', 'b'])).toContain(
      'must NOT have more',
    )
    const draft07 = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      items: [{ type: 'string' }],
      additionalItems: false,
    }
    expect(check(draft07, ['a'])).toBeUndefined()
    expect(check(draft07, ['a', 'b'])).toContain('must NOT have more')
    for (const $schema of ['http://json-schema.org/draft-04/schema#', 'https://schema.example/own', '', 7]) {
      expect(responseSchemaIssues({ $schema, type: 'string' })).toEqual([
        {
          path: [],
          message: 'is not a valid JSON Schema: $schema must be that of draft 2020-12 or draft-07',
        },
      ])
    }
  })

  it('knows local references, formats, and what OpenAPI puts beside', () => {
    const schema = {
      $defs: { 'a/b': { type: 'string', format: 'date-time', example: '2026-01-01T00:00:00Z' } },
      items: { $ref: '#/$defs/a~1b' },
    }
    expect(check(schema, ['2026-11-22T10:00:00Z'])).toBeUndefined()
    expect(check(schema, ['yesterday'])).toBe('the answer at /0 must match format "date-time"')
  })

  it('may have an $id that another one has as well', () => {
    const schema = () => ({ $id: 'https://app.example/answer', type: 'integer' })
    expect(check(schema(), 1)).toBeUndefined()
    expect(check(schema(), 'a')).toBe('the answer must be integer')
  })

  it('may be true or false', () => {
    const checks = new SchemaChecks()
    expect(checks.of(undefined)).toBeUndefined()
    expect(checks.of(true)).toBeUndefined()
    expect(checks.of(false)?.(1, 1)).toBe('the responseSchema allows no answer')
  })

  it('is compiled once for each object', () => {
    const checks = new SchemaChecks()
    const schema = { type: 'integer' }
    expect(checks.of(schema)).toBe(checks.of(schema))
    expect(checks.of({ type: 'integer' })).not.toBe(checks.of(schema))
  })

  it('that cannot be used refuses every answer and says why', () => {
    const refuse = new SchemaChecks().of({ type: 'nonsense' })
    expect(refuse?.(1, 1)).toContain('the responseSchema cannot be used')
  })

  it.each<[name: string, schema: unknown, issue: string]>([
    ['no schema', 5, ': must be a JSON Schema: an object, true or false'],
    ['a list', [], ': must be a JSON Schema: an object, true or false'],
    ['a wrong type', { type: 'nonsense' }, ': is not a valid JSON Schema'],
    ['a mistyped keyword', { propertys: {} }, ': is not a valid JSON Schema: strict mode: unknown keyword'],
    ['an unknown format', { format: 'moon-phase' }, ': is not a valid JSON Schema: unknown format'],
    [
      'a remote reference',
      { $ref: 'https://a.example/s' },
      '$ref: must be a reference to a place in the same',
    ],
    ['a reference to nowhere', { $ref: '#/$defs/a' }, '$ref: must be a reference to a place in the same'],
    ['itself', { properties: { a: { $ref: '#' } } }, 'properties.a.$ref: must not lead back'],
    [
      'a recursion over two',
      {
        $defs: { a: { items: { $ref: '#/$defs/b' } }, b: { not: { $ref: '#/$defs/a' } } },
        $ref: '#/$defs/a',
      },
      '$defs.b.not.$ref: must not lead back',
    ],
    ['a schema that doubles', doubling(12), ': must not have more than 1500 subschemas'],
    ['a schema that doubles for ever', doubling(60), ': must not have more than 1500 subschemas'],
    ['a dynamic reference', { $dynamicRef: '#a' }, '$dynamicRef: is not supported'],
    ['an asynchronous schema', { $async: true }, '$async: is not supported'],
    [
      'an $id inside',
      { properties: { a: { $id: 'https://a.example/' } } },
      'properties.a.$id: is only supported',
    ],
    ['unique items without bound', { items: { uniqueItems: true } }, 'items.uniqueItems: needs maxItems'],
    ['64 KiB', { const: 'x'.repeat(70_000) }, ': must not be larger than 65536 characters'],
    ['a pattern that needs backtracking', { pattern: '(a)\\1' }, ': is not a valid JSON Schema'],
    ['a pattern that looks ahead', { pattern: 'a(?=b)' }, ': is not a valid JSON Schema'],
    [
      'a pattern that explodes',
      { pattern: '((a{100}){100}){100}' },
      ': must not have more than 5000 instructions',
    ],
    [
      'patterns that are large together',
      { allOf: Array.from({ length: 9 }, (_, n) => ({ pattern: `a{${900 + n}}` })) },
      ': must not have more than 5000 instructions',
    ],
    [
      'many definitions',
      { $defs: Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [n, {}])) },
      ': must not have more than 1500 subschemas',
    ],
  ])('must not be %s', (_, schema, issue) => {
    const [first] = responseSchemaIssues(schema).map(({ path, message }) => `${path.join('.')}: ${message}`)
    expect(first).toContain(issue)
  })

  it('keeps its patterns apart from those of others', () => {
    expect(check({ pattern: '^a$' }, 'a')).toBeUndefined()
    expect(check({ pattern: '^b$' }, 'a')).toBe('the answer must match pattern "^b$"')
    const both = { properties: { a: { pattern: '^a$' }, b: { pattern: '^b$' } } }
    expect(check(both, { a: 'a', b: 'b' })).toBeUndefined()
    expect(check(both, { a: 'a', b: 'a' })).toContain('at /b')
  })

  it('does not take property names for keywords', () => {
    const schema = {
      properties: { $ref: { type: 'string' }, uniqueItems: true, $id: {} },
      enum: [{ $ref: 'x' }],
    }
    expect(responseSchemaIssues(schema)).toEqual([])
  })

  it('matches a pattern in time that grows with the text only', () => {
    // A backtracking engine takes 2^50000 steps here; this must just come to an end.
    expect(check({ pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`)).toContain('must match pattern')
    expect(check({ pattern: 'b+' }, 'aabbaa')).toBeUndefined()
    expect(check({ patternProperties: { '^(x+x+)+y$': false } }, { ['x'.repeat(50_000)]: 1 })).toBeUndefined()
  })
})
