import type { FuncKeywordDefinition } from 'ajv'

/**
 * `uniqueItems` in time that grows with the text of the items: the compiler's own compares every pair. Two items are the
 * same if they print alike with their property names in order.
 */
export const uniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must NOT have duplicate items' },
  validate: (isWanted: boolean, items: readonly unknown[]) => !isWanted || areUnique(items),
}

function areUnique(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>()
  for (const item of items) {
    seen.add(typeof item === 'number' || typeof item === 'boolean' ? item : print(item))
  }
  return seen.size === items.length
}

function print(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(print).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${print(field)}`).join()}}`
}
