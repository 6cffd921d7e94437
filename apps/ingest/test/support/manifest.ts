import { expect } from 'vitest'
import { manifestSchema } from '../../src/apps/schemas.ts'
import type { Client } from './client.ts'

/** An app made through the API, with a manifest. */
export interface MadeApp {
  /** `app_…` */
  readonly id: string
  /** as keys and rows name it */
  readonly uuid: string
  readonly secret: string
}

/** Makes an app; with a manifest where one is given. */
export async function makeCallable(admin: Client, webhooks?: object, name = 'Quiz'): Promise<MadeApp> {
  const made = (await admin('/api/v1/apps', { json: { name } })).json<{ id: string; secret: string }>()
  if (webhooks) await putManifest(admin, made.id, webhooks)
  const uuid = made.id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  return { ...made, uuid }
}

/** Puts a manifest, which must be right. */
export async function putManifest(admin: Client, appId: string, webhooks: object) {
  const answer = await admin(`/api/v1/apps/${appId}/manifest`, { method: 'PUT', json: { webhooks } })
  expect(answer.status, answer.text).toBe(200)
  return manifestSchema.parse(answer.json())
}
