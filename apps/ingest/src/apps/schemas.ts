import { z } from 'zod'
import { circuitStateSchema } from '../circuits/schemas.ts'
import { text } from '../http/fields.ts'

const time = z.string().describe('ISO 8601')

/** The path of a route about one app. */
export const appParams = z.object({ appId: z.string() })

const name = text(200)
const contact = z.email('must be an e-mail address').max(320, 'must be at most 320 characters long')
const contacts = z
  .array(contact)
  .max(20, 'must have at most 20 entries')
  .describe('e-mail addresses of its owners')

/** A new app. */
export const appInputSchema = z
  .strictObject({ name, contacts: contacts.exactOptional() })
  .meta({ id: 'AppSettings' })

/** A change of an app: what is given changes, the rest stays. */
export const appChangeSchema = z
  .strictObject({ name: name.exactOptional(), contacts: contacts.exactOptional() })
  .meta({ id: 'AppChange' })

/** An app as it is shown. */
export const appSchema = z
  .object({
    id: z.string().describe('`app_…`'),
    name: z.string(),
    contacts: z.array(z.string()),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'App' })

const secret = z.string().describe('signs its calls (`x-platform-signature`); shown this once')

/** An app with the secret it was made with. */
export const newAppSchema = appSchema.extend({ secret }).meta({ id: 'NewApp' })

/** A secret that takes the place of another. */
export const newAppSecretSchema = z.object({ secret }).meta({ id: 'NewAppSecret' })

/** What an app can be asked. */
export const capabilitySchema = z
  .object({
    name: z.string(),
    url: z.string(),
    timeoutMs: z.int(),
    async: z.boolean().describe('queued as a delivery; nobody waits'),
    retry: z.object({
      maxAttempts: z.int(),
      initialDelayMs: z.number(),
      maxDelayMs: z.number(),
      backoffMultiplier: z.number(),
    }),
    fallback: z.object({ strategy: z.string(), options: z.record(z.string(), z.unknown()) }),
    cacheTtlMs: z.number().describe('0: answers are not kept for other calls'),
    hasResponseSchema: z.boolean(),
    endpointId: z.string().describe('`ep_…`: what its deliveries, attempts and circuit go by'),
    circuit: circuitStateSchema,
  })
  .meta({ id: 'Capability' })

/** All that an app can be asked; never more than a page. */
export const capabilitiesSchema = z.object({ data: z.array(capabilitySchema) })

/** A manifest as it is put. Its rules are those of `parseManifest`, told all at once. */
export const manifestInputSchema = z
  .object({
    webhooks: z
      .record(z.string(), z.union([z.string(), z.looseObject({ url: z.string() })]))
      .describe(
        'by capability: a URL, or `{ url, timeout, async, retry, fallback, responseSchema, cacheTtl }`',
      ),
    health: z.string().optional().describe('where the app says how it is'),
  })
  .meta({ id: 'Manifest' })

/** The manifest in force. */
export const manifestSchema = z
  .object({
    version: z.int(),
    manifest: z.unknown().describe('as it was put'),
    capabilities: z.array(capabilitySchema),
    healthUrl: z.string().nullable(),
    createdAt: time,
    createdBy: z.string().nullable(),
  })
  .meta({ id: 'StoredManifest' })
