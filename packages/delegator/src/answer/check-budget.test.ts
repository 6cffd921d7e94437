import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonSchema } from './json-schema.ts'
import { compileResponseSchema } from './schema-compiler.ts'
import { responseSchemaIssues } from './schema-rules.ts'

const TOO_LARGE = 'the answer is too large for its responseSchema: checking it would take too long'

function check(schema: JsonSchema, data: unknown): string | undefined {
  expect(responseSchemaIssues(schema)).toEqual([])
  const compiled = compileResponseSchema(schema)
  if (!compiled.ok) throw new Error(compiled.error)
  const text = JSON.stringify(data)
  expect(text.length).toBeLessThanOrEqual(262_144)
  return compiled.value(data, text.length)
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function byName<T>(count: number, name: string, value: T): Record<string, T> {
  return Object.fromEntries(times(count, (index) => [`${name}${index}`, value]))
}

const numbers = times(100_000, () => 5)
const object = byName(15_000, 'k', 1)

describe('an answer', () => {
  it.each<[name: string, schema: JsonSchema, data: unknown]>([
    ['many rules', { items: { allOf: times(300, (n) => ({ type: 'number', minimum: -n })) } }, numbers],
    [
      'rules behind references',
      { $defs: { a: { allOf: times(200, (n) => ({ minimum: -n })) } }, items: { $ref: '#/$defs/a' } },
      numbers,
    ],
    ['branches', { items: { anyOf: [...times(200, (n) => ({ minimum: 6 + n })), true] } }, numbers],
    ['an enum', { items: { not: { enum: times(8_000, (n) => [n]) } } }, numbers],
    [
      'a long required',
      { items: { not: { required: times(5_000, (n) => `p${n}`) } } },
      times(50_000, () => ({})),
    ],
    ['dependencies', { items: { dependentRequired: byName(300, 'p', ['a']) } }, times(50_000, () => ({}))],
    [
      'many unique lists',
      { allOf: times(300, () => ({ uniqueItems: true, maxItems: 1_000 })) },
      times(1_000, (n) => ({ a: n, b: n })),
    ],
    ['patterns for names', { patternProperties: byName(300, '^x', { type: 'string' }) }, object],
    ['names', { allOf: times(200, () => ({ propertyNames: { minLength: 1 } })) }, object],
    ['lengths', { allOf: times(300, () => ({ maxLength: 300_000 })) }, 'a'.repeat(250_000)],
    [
      'formats',
      { items: { allOf: times(100, () => ({ anyOf: [{ format: 'uri' }, true] })) } },
      ['a'.repeat(250_000)],
    ],
    ['a large pattern', { pattern: '(?i)^[\\pL\\pN]{900}$|^(?:\\PL){900}x' }, 'a'.repeat(250_000)],
    [
      'a pattern in a not',
      { items: { not: { pattern: '(?:a?){900}b' } } },
      times(2_000, () => 'a'.repeat(100)),
    ],
  ])('may not meet %s too often', (_, schema, data) => {
    expect(check(schema, data)).toBe(TOO_LARGE)
  })

  it('of 256 KiB may meet a schema as one would write it', () => {
    const id = { type: 'string', pattern: '^[0-9a-f]{8}-[0-9a-f]{4}$', minLength: 13, maxLength: 13 }
    const field = {
      anyOf: [{ type: 'string', maxLength: 40 }, { type: 'integer', minimum: 0 }, { type: 'null' }],
    }
    const record = {
      type: 'object',
      properties: {
        ...{ id, email: { type: 'string', format: 'email' }, at: { type: 'string', format: 'date-time' } },
        country: { enum: times(250, (n) => `c${n}`) },
        tags: {
          type: 'array',
          uniqueItems: true,
          maxItems: 20,
          items: { type: 'string', pattern: '^[a-z]+$' },
        },
        ...byName(25, 'f', field),
      },
      required: ['id', 'email', 'at', 'country', 'f0', 'f1'],
      additionalProperties: false,
    }
    const rows = times(560, (n) => ({
      id: `${String(n).padStart(8, '0')}-abcd`,
      ...{
        email: 'someone@shop.example',
        at: '2026-01-01T00:00:00Z',
        country: 'c249',
        tags: ['a', 'b', 'c'],
      },
      ...byName(25, 'f', n),
    }))
    const schema = {
      $defs: { record },
      properties: {
        rows: { type: 'array', items: { $ref: '#/$defs/record' }, uniqueItems: true, maxItems: 1_000 },
      },
    }
    expect(check(schema, { rows })).toBeUndefined()
    expect(check(schema, { rows: [...rows, { ...rows[0], f1: -1 }] })).toContain('/rows/560/f1')
  })

  it('of 256 KiB in twenty thousand small values may meet tens of rules', () => {
    const value = { type: 'number', minimum: 0, maximum: 9, not: { const: 3 } }
    const rows = times(4_000, () => [1, 2, 4, 5])
    expect(check({ items: { type: 'array', items: { allOf: times(8, () => value) } } }, rows)).toBeUndefined()
  })
})

describe('uniqueItems', () => {
  const schema = { uniqueItems: true, maxItems: 100 }

  it('compares values and not how they are written', () => {
    expect(
      check(schema, [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ]),
    ).toBe('the answer must NOT have duplicate items')
    expect(
      check(schema, [1, '1', '"1"', [1], ['1'], { 1: 1 }, null, 'null', true, 'true', [], {}, '']),
    ).toBeUndefined()
    expect(check({ ...schema, uniqueItems: false }, [1, 1])).toBeUndefined()
  })

  it('finds a copy of any item', () => {
    const items = fc.uniqueArray(fc.jsonValue({ maxDepth: 3 }), {
      minLength: 1,
      maxLength: 20,
      selector: (item) => JSON.stringify(item),
    })
    const { value: validate } = compileResponseSchema(schema) as {
      value: (data: unknown, bytes: number) => string | undefined
    }
    fc.assert(
      fc.property(items, fc.nat(), (given, at) => {
        expect(validate([...given, structuredClone(given[at % given.length])], 1)).toContain('duplicate')
      }),
    )
  })
})
