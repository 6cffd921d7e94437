import type { JsonSchema, OpenApiDocument, Operation } from './document.ts'

const STATUS_WORDS: Readonly<Record<string, string>> = {
  '200': 'Done.',
  '201': 'Made.',
  '202': 'Accepted.',
  '204': 'Done; there is nothing to say.',
  '503': 'Not now.',
}

const REFERENCE = /"#\/components\/schemas\/([^"]+)"/g

/**
 * The generated document as it should be read: without schemas that nothing refers to, with words for every answer, and
 * with bodies marked as optional where their schema lets them be absent.
 */
export function tidy<Document extends OpenApiDocument>(document: Document): Document {
  const paths = Object.fromEntries(
    Object.entries(document.paths ?? {}).map(([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([method, operation]) => [method, tidyOperation(operation)]),
      ),
    ]),
  )
  const schemas = document.components?.schemas ?? {}
  const used = reachable(JSON.stringify(paths), schemas)
  return {
    ...document,
    paths,
    components: {
      ...document.components,
      schemas: Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name))),
    },
  }
}

function tidyOperation(operation: Operation): Operation {
  const { requestBody, responses = {} } = operation
  const schemas = Object.values(requestBody?.content ?? {}).map(({ schema }) => schema)
  const mayBeAbsent = schemas.some((schema) => schema?.anyOf?.some(({ type }) => type === 'null'))
  const described = Object.entries(responses).map(([status, response]) => [
    status,
    { ...response, description: STATUS_WORDS[status] ?? response.description ?? '' },
  ])
  return {
    ...operation,
    responses: Object.fromEntries(described),
    ...(requestBody && { requestBody: { ...requestBody, required: !mayBeAbsent } }),
  }
}

/** Names of the schemas that a text refers to, and of those that these refer to. */
function reachable(text: string, schemas: Readonly<Record<string, JsonSchema>>): Set<string> {
  const found = new Set<string>()
  const follow = (part: string) => {
    for (const [, name = ''] of part.matchAll(REFERENCE)) {
      if (found.has(name)) continue
      found.add(name)
      follow(JSON.stringify(schemas[name] ?? {}))
    }
  }
  follow(text)
  return found
}
