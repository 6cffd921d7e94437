import swagger from '@fastify/swagger'
import { manifestJsonSchema } from '@posthorn/delegator'
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { ZodApp } from '../http/zod-app.ts'
import { problemSchema } from '../problems/problem.ts'
import { version } from '../version.ts'

const DESCRIPTION =
  'Events in, signed webhooks out. Errors are problem documents (RFC 9457) with a stable `code`; lists answer ' +
  '`{ data, next, prev }`; every answer carries `x-request-id`, and takes over the one it was sent. A key of the ' +
  'platform names the app it means in the path or in `x-posthorn-app` (`app_…`), and means the default app otherwise. ' +
  'Older names that answer too: `/api/claude-hooks` for `/api/v1/hooks/claude-code`, and `/api/conversations/stream` for ' +
  '`/api/v1/stream?types=conversation_update`.'

const TAGS = [
  { name: 'events', description: 'What is sent, and what became of it.' },
  { name: 'endpoints', description: 'Where it goes.' },
  { name: 'deliveries', description: 'One event owed to one endpoint.' },
  { name: 'apps', description: 'Tenants, and what they can be asked.' },
  { name: 'calls', description: 'Apps asked while somebody waits: a deadline, a circuit and a fallback.' },
  { name: 'approvals', description: 'What a person decides, since an app did not answer.' },
  { name: 'notifications', description: 'What organizers are told of fallbacks.' },
  { name: 'circuits', description: 'What keeps a dead endpoint from being asked again and again.' },
  { name: 'capture', description: "What a tool's hooks send." },
  { name: 'conversations', description: 'What captured events become.' },
  { name: 'stream', description: 'What changes, as it happens.' },
  { name: 'health', description: 'For what watches the service.' },
]

/** Describes every route that is registered after this, from the schemas that requests are checked with. */
export async function registerOpenApi(app: ZodApp): Promise<void> {
  const transform = createJsonSchemaTransform({})
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Posthorn', version, description: DESCRIPTION, license: { name: 'MIT' } },
      tags: TAGS,
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer', bearerFormat: 'phk_<id>_<secret>' } },
      },
    },
    transform: (document) => transform({ ...document, schema: withCommonAnswers(document) }),
    transformObject: (document) => withManifest(jsonSchemaTransformObject(document)),
  })
}

/** The manifest's own grammar, where the routes only look for the outline of one. */
function withManifest<Document extends ReturnType<typeof jsonSchemaTransformObject>>(
  document: Document,
): Document {
  const { $schema: _, ...manifest } = manifestJsonSchema()
  const schemas = 'components' in document ? document.components?.schemas : undefined
  if (schemas && 'ManifestInput' in schemas) Object.assign(schemas, { ManifestInput: manifest })
  return document
}

/** Every route may answer with a problem; those that need a key say so. */
function withCommonAnswers(document: Parameters<ReturnType<typeof createJsonSchemaTransform>>[0]) {
  const { schema, route } = document
  if (!schema) return schema
  const access = route.config?.access ?? 'public'
  const problem = {
    description: 'A problem',
    content: { 'application/problem+json': { schema: problemSchema } },
  }
  return {
    ...schema,
    response: { ...(schema.response as object | undefined), '4xx': problem, '5xx': problem },
    ...(access !== 'public' && { security: [{ key: [] }] }),
  }
}
