import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { endpointInputSchema } from '../apps/ingest/src/endpoints/schemas.ts'
import { DEFAULT_CIRCUIT_SETTINGS } from '../packages/circuit-breaker/src/settings.ts'
import { generateEncryptionKey } from '../packages/db/src/index.ts'
import { parseEndpoint } from '../packages/engine/src/endpoints/settings.ts'
import { checkOptions } from '../packages/engine/src/options.ts'

interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
}

const page = readFileSync(join(import.meta.dirname, '../docs/reference/http-api.md'), 'utf8')

/** The rows of the table below a heading, by field: type, limits and default. */
function tableBelow(heading: string): Map<string, { type: string; limits: string; fallback: string }> {
  const [, section = ''] = page.split(`${heading}\n`)
  const rows = section.split(/\n#/)[0]?.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|/gm) ?? []
  return new Map(
    [...rows].map(([, name = '', type = '', limits = '', fallback = '']) => [
      name,
      { type, limits, fallback },
    ]),
  )
}

const spaced = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, ' ')

/** Every number and word that a schema bounds a value by. */
function boundsOf(schema: Schema): string[] {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems } = schema
  const numbers = [minLength, maxLength, minimum, maximum, minItems, maxItems]
  const inner = [
    ...(schema.items ? [schema.items] : []),
    ...(schema.anyOf ?? []),
    ...Object.values(schema.properties ?? {}),
    ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ]
  // The pattern of an event type is told in words.
  const pattern = schema.pattern?.startsWith('^[a-z]') ? [schema.pattern] : []
  return [
    ...numbers.filter((number) => number !== undefined).map(spaced),
    ...(schema.enum ?? []),
    ...pattern,
    ...inner.flatMap(boundsOf),
  ]
}

describe('the fields of an endpoint in docs/reference/http-api.md', () => {
  const rows = tableBelow('## Endpoint fields')
  const document = endpointInputSchema.toJSONSchema({ io: 'input' }) as { $defs: Record<string, Schema> }
  const properties = document.$defs['EndpointSettings']?.properties ?? {}
  const defaults = parseEndpoint(
    { url: 'https://example.com/' },
    checkOptions({ connectionString: 'postgres://localhost', encryptionKeys: generateEncryptionKey() })
      .defaults,
  )

  it('are those that a request may have', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(properties).sort())
  })

  it.each(Object.keys(properties))('%s: limits and default are those in force', (name) => {
    const { limits = '', fallback = '' } = rows.get(name) ?? {}
    const missing = boundsOf(properties[name] ?? {}).filter((bound) => !limits.includes(bound))
    expect(missing).toEqual([])
    if (['url', 'retry', 'circuit'].includes(name)) return
    const told = fallback.replaceAll('`', '')
    const value = defaults[name as keyof typeof defaults]
    expect(told).toBe(typeof value === 'string' ? value : JSON.stringify(value))
  })

  it('have the circuit settings that there are, with their defaults', () => {
    const circuit = tableBelow('### Circuit settings')
    expect([...circuit.keys()].sort()).toEqual(
      [...Object.keys(DEFAULT_CIRCUIT_SETTINGS), 'failureRate', 'slowCall', 'window'].sort(),
    )
    for (const [name, value] of Object.entries(DEFAULT_CIRCUIT_SETTINGS))
      expect([name, circuit.get(name)?.fallback]).toEqual([name, `\`${value}\``])
  })
})
