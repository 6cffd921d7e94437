import type { Content, JsonSchema } from './document.ts'
import { escapeHtml, prose, table } from './html.ts'

/** The place of a named schema on the page. */
export const schemaAnchor = (name: string): string => `schema-${name}`

/** A schema in a word or two: `string`, `list of Delivery`, `"v1" or "v1a"`. HTML. */
export function typeOf(schema: JsonSchema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return `<a href="#${escapeHtml(schemaAnchor(name))}">${escapeHtml(name)}</a>`
  }
  if (schema.const !== undefined) return `<code>${escapeHtml(JSON.stringify(schema.const))}</code>`
  if (schema.enum)
    return schema.enum.map((value) => `<code>${escapeHtml(JSON.stringify(value))}</code>`).join(' or ')
  const variants = schema.anyOf ?? schema.oneOf
  if (variants) return variants.map(typeOf).join(' or ')
  if (schema.type === 'array') return schema.items ? `list of ${typeOf(schema.items)}` : 'list'
  if (schema.properties) return 'object'
  return escapeHtml(schema.type === undefined ? 'any JSON value' : [schema.type].flat().join(' or '))
}

/** The fields of an object, those inside it with dots. HTML. */
export function fieldsOf(schema: JsonSchema): string {
  return table(['field', 'type', ''], fieldRows(schema, ''))
}

function fieldRows(schema: JsonSchema, prefix: string): string[][] {
  const required = new Set(schema.required ?? [])
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name
    const need = required.has(name) ? '' : ' <i>optional</i>'
    const row = [`<code>${escapeHtml(path)}</code>`, typeOf(field) + need, prose(field.description ?? '')]
    return [row, ...fieldRows(field, `${path}.`)]
  })
  const variants = (schema.anyOf ?? schema.oneOf ?? []).flatMap((variant) => fieldRows(variant, prefix))
  const items = schema.items ? fieldRows(schema.items, `${prefix.replace(/\.$/, '')}[].`) : []
  return [...own, ...variants, ...items]
}

/** The content of a request or an answer, for each of its media types. HTML. */
export function contentHtml(content: Content | undefined): string {
  return Object.entries(content ?? {})
    .map(([mediaType, { schema }]) => {
      const shown = schema ? `: ${typeOf(schema)}` : ''
      return `<p><code>${escapeHtml(mediaType)}</code>${shown}</p>${schema ? fieldsOf(schema) : ''}`
    })
    .join('')
}
