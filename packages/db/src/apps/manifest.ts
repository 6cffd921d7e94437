import type { CircuitSettings } from '@posthorn/circuit-breaker'
import type { RetryPolicy } from '@posthorn/core'

/** A capability as its endpoint needs it. Durations are milliseconds. */
export interface CapabilitySettings {
  readonly name: string
  readonly url: string
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryPolicy
  readonly circuit: CircuitSettings
}

/** One version of a manifest. */
export interface StoredManifest {
  /** 1 for the first; the highest is in force */
  readonly version: number
  /** as it was put */
  readonly manifest: unknown
  readonly healthUrl: string | null
  readonly createdAt: Date
  readonly createdBy: string | null
}

/** A manifest to put in the place of the one in force, taken apart. */
export interface NewManifest extends Pick<StoredManifest, 'manifest' | 'healthUrl' | 'createdBy'> {
  /** each name once */
  readonly capabilities: readonly CapabilitySettings[]
}
