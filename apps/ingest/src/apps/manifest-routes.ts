import { NotFoundError, RETRY_PRESETS } from '@posthorn/core'
import type { ManifestRepository, StoredManifest } from '@posthorn/db'
import { type Capability, parseManifest } from '@posthorn/delegator'
import type { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import type { CallRules, Calls } from '../calls/create-calls.ts'
import { unstorable } from '../events/storable.ts'
import { bodyIsRead } from '../http/schemas.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { capabilityViews } from './capability-view.ts'
import { appParams, capabilitiesSchema, manifestInputSchema, manifestSchema } from './schemas.ts'

const tags = ['apps']

/** What an app can be asked: its manifest, and what has come of it. */
export function registerManifests(
  app: ZodApp,
  { apps, manifests, circuits, rules }: Calls & { readonly manifests: ManifestRepository },
): void {
  const manifestView = async (
    appId: string,
    stored: StoredManifest,
  ): Promise<z.input<typeof manifestSchema>> => {
    const names = new Set(namesIn(stored.manifest))
    const callable = await apps.read(appId)
    const capabilities = await capabilityViews(callable, circuits)
    return {
      version: stored.version,
      manifest: stored.manifest,
      capabilities: capabilities.filter(({ name }) => names.has(name)),
      healthUrl: stored.healthUrl,
      createdAt: stored.createdAt.toISOString(),
      createdBy: stored.createdBy,
    }
  }

  app.put(
    '/apps/:appId/manifest',
    {
      config: { access: 'manage' },
      ...bodyIsRead,
      schema: {
        summary: 'Put the manifest of an app',
        description:
          'In the place of the one before, all of it or nothing: 422 names every mistake, and nothing has changed. A ' +
          'capability whose URL stays keeps its circuit. The guide "Call third-party apps" has the grammar.',
        tags,
        params: appParams,
        body: manifestInputSchema,
        response: { 200: manifestSchema },
      },
    },
    async (request) => {
      const { appId, key } = callerOf(request)
      const written: unknown = request.body
      const { capabilities, healthUrl } = readManifest(written, rules)
      const stored = await manifests.replace(appId, {
        manifest: written,
        healthUrl: healthUrl ?? null,
        createdBy: `key:${key.name}`,
        capabilities: capabilities.map((capability) => settingsOf(capability, rules)),
      })
      apps.forget(appId)
      return manifestView(appId, stored)
    },
  )

  app.get(
    '/apps/:appId/manifest',
    {
      config: { access: 'read' },
      schema: {
        summary: 'The manifest of an app',
        tags,
        params: appParams,
        response: { 200: manifestSchema },
      },
    },
    async (request) => {
      const { appId } = callerOf(request)
      const stored = await manifests.current(appId)
      if (!stored) throw new NotFoundError('The app has no manifest.')
      return manifestView(appId, stored)
    },
  )

  app.get(
    '/apps/:appId/capabilities',
    {
      config: { access: 'read' },
      schema: {
        summary: 'What an app can be asked',
        description:
          'The capabilities of its manifest, and its endpoints with the name of one. In the answer each has its circuit.',
        tags,
        params: appParams,
        response: { 200: capabilitiesSchema },
      },
    },
    async (request) => {
      const callable = await apps.read(callerOf(request).appId)
      return { data: await capabilityViews(callable, circuits) }
    },
  )
}

/** @throws ProblemError 422 with every mistake at once */
function readManifest(written: unknown, { defaults, networkPolicy }: CallRules) {
  const parsed = parseManifest(written, { defaults, networkPolicy })
  const issues = [...(parsed.ok ? [] : parsed.error), ...unstorable(written, '')]
  if (!parsed.ok || issues.length > 0) throw new ProblemError(invalid(issues))
  return parsed.value
}

const settingsOf = ({ name, url, timeoutMs, isAsync, retry }: Capability, rules: CallRules) => ({
  ...{ name, url, timeoutMs },
  // What is delivered to a synchronous capability are decisions. Nobody waits for those, and the app was away a moment ago.
  retry: isAsync ? retry : RETRY_PRESETS.default,
  connectTimeoutMs: Math.min(rules.connectTimeoutMs, timeoutMs),
  circuit: rules.circuit,
})

function namesIn(manifest: unknown): string[] {
  return Object.keys((manifest as { webhooks?: object } | null)?.webhooks ?? {})
}
