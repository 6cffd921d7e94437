import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { manifestJsonSchema } from '../packages/delegator/src/index.ts'

/** The page with the reference of an app's manifest. */
export const MANIFEST_PAGE = 'docs/guides/call-apps.md'

const BEGIN = '<!-- Made by scripts/manifest-reference.ts from the schema. -->'
const END = '<!-- The end of what is made from the schema. -->'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

/** The tables of the manifest's fields, as Markdown. */
export function manifestReference(manifest: Schema = manifestJsonSchema()): string {
  const webhooks = child(manifest, 'webhooks')
  const entry = objectIn(webhooks.additionalProperties)
  const strategies = child(entry, 'fallback').anyOf?.find(({ oneOf }) => oneOf !== undefined)?.oneOf ?? []
  return [
    ...['### The manifest', fieldTable(manifest)],
    ...['### A capability', fieldTable(entry)],
    ...['### `retry`', fieldTable(child(entry, 'retry'))],
    ...['### `fallback`', strategyTable(strategies)],
  ].join('\n\n')
}

/** The page with its reference renewed. @throws Error if the page has no place for it */
export function withReference(page: string, reference: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${MANIFEST_PAGE} has no place for the reference`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${reference}\n\n${page.slice(end)}`
}

function child(schema: Schema, name: string): Schema {
  const found = schema.properties?.[name]
  if (found === undefined) throw new Error(`the manifest has no ${name}`)
  return found
}

function objectIn(schema: Schema | boolean | undefined): Schema {
  const options = typeof schema === 'object' ? (schema.anyOf ?? [schema]) : []
  const found = options.find(({ type }) => type === 'object')
  if (found === undefined) throw new Error('a capability has no long form')
  return found
}

function fieldTable(schema: Schema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const isRequired = schema.required?.includes(name) === true
    return `| \`${name}\`${isRequired ? ', required' : ''} | ${typeOf(field)} | ${meaningOf(field)} |`
  })
  return ['| field | value | meaning |', '|---|---|---|', ...rows].join('\n')
}

function strategyTable(strategies: readonly Schema[]): string {
  const rows = strategies.map((strategy) => {
    const options = Object.entries(strategy.properties ?? {}).filter(([name]) => name !== 'strategy')
    const told = options.map(([name, field]) => `\`${name}\` (${typeOf(field)}): ${meaningOf(field)}`)
    return `| \`${child(strategy, 'strategy').const}\` | ${strategy.description ?? ''} | ${told.join('<br>')} |`
  })
  return ['| strategy | what it does | options |', '|---|---|---|', ...rows].join('\n')
}

function meaningOf({ description = '', default: unset }: Schema): string {
  return unset === undefined ? description : `${description} Default \`${JSON.stringify(unset)}\`.`
}

function typeOf(schema: Schema): string {
  const { minimum, maximum } = schema
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(shortTypeOf).join(' or ')
  const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`
  return `${shortTypeOf(schema)}${range}`
}

function shortTypeOf({ type, enum: names, oneOf }: Schema): string {
  if (names !== undefined) return 'name'
  if (oneOf !== undefined) return 'object'
  return type === undefined ? 'any JSON' : (KINDS[type] ?? type)
}

const KINDS: Readonly<Record<string, string>> = { integer: 'whole number', boolean: '`true` or `false`' }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(resolve(import.meta.dirname, '..'), MANIFEST_PAGE)
  writeFileSync(path, withReference(readFileSync(path, 'utf8'), manifestReference()))
}
