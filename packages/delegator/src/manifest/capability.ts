import type { ExponentialPolicy } from '@posthorn/core'
import type { JsonSchema } from '../answer/json-schema.ts'

/** A fallback strategy by its name, with its options as its own schema has filled them in. Plain JSON. */
export interface FallbackChoice {
  /** Name of a registered strategy, or `none`: the call then fails with an error. */
  readonly strategy: string
  readonly options: Readonly<Record<string, unknown>>
}

/** What an app offers under one name, as its manifest says it, with every default filled in. Plain JSON. */
export interface Capability {
  readonly name: string
  readonly url: string
  /** Milliseconds from the start of a call in which the app's answer counts. */
  readonly timeoutMs: number
  /** Queued as a delivery in place of being waited for. */
  readonly isAsync: boolean
  /** One attempt unless the manifest says otherwise. */
  readonly retry: ExponentialPolicy
  readonly fallback: FallbackChoice
  /** An answer that does not fit is a failure. */
  readonly responseSchema?: JsonSchema
  /** For how long an answer also serves further calls with the same payload; 0 for not at all. */
  readonly cacheTtlMs: number
}

/** A manifest that was found to be right. */
export interface Manifest {
  /** In the order of the manifest. */
  readonly capabilities: readonly Capability[]
  /** Where the app says how it is: its `health`, else `/health` at the origin of its first capability. */
  readonly healthUrl?: string
}
