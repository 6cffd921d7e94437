import { generateSecret } from '@posthorn/dispatcher/signing'
import {
  CALL_DEFAULTS,
  type CallableApp,
  type CallableCapability,
  type Capability,
  type FallbackChoice,
} from '../src/index.ts'

export const SECRET = generateSecret('v1').secret

/** A capability with everything filled in, as a manifest would. */
export function capability(more: Partial<Capability> & { readonly url: string }): CallableCapability {
  const name = more.name ?? 'quiz_answer'
  return {
    name,
    endpointId: `app/${name}`,
    timeoutMs: 1_000,
    isAsync: false,
    retry: { ...CALL_DEFAULTS.retry, maxAttempts: 1 },
    fallback: staticData('in its place'),
    cacheTtlMs: 0,
    ...more,
  }
}

export function staticData(data: unknown): FallbackChoice {
  return { strategy: 'static', options: { data } }
}

/** An app `app` with these capabilities. */
export function appWith(...capabilities: readonly CallableCapability[]): CallableApp {
  return { id: 'app', secret: SECRET, capabilities: new Map(capabilities.map((one) => [one.name, one])) }
}

/** A directory of one app. */
export function directoryOf(app: CallableApp) {
  return { find: (id: string) => (id === app.id ? app : undefined) }
}
