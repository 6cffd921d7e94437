import type { CircuitSettings } from '@posthorn/circuit-breaker'
import type { RetryPolicy } from '@posthorn/core'
import type { EndpointFormat, EndpointOrigin } from '../schema/index.ts'

/** A signing secret; one that is being rotated out carries when it ends. */
export interface EndpointSecret {
  readonly secret: string
  /** ISO 8601; absent for the one in force */
  readonly expiresAt?: string
}

/** Everything about an endpoint that its owner decides. Durations are milliseconds. */
export interface EndpointSettings {
  readonly url: string
  readonly description: string | null
  readonly capability: string | null
  readonly eventTypes: string[]
  readonly format: EndpointFormat
  readonly headers: Record<string, string>
  readonly signing: 'v1' | 'v1a'
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryPolicy
  readonly successCodes: number[] | null
  readonly maxConcurrency: number
  readonly rateLimit: { readonly limit: number; readonly periodMs: number } | null
  readonly circuit: CircuitSettings
  readonly orderingOnFailure: 'continue' | 'halt'
}

/** An endpoint as the engine uses it, secrets opened. Never leaves the process. */
export interface Endpoint extends EndpointSettings {
  readonly id: string
  readonly appId: string
  readonly origin: EndpointOrigin
  /** newest first */
  readonly secrets: readonly EndpointSecret[]
  readonly enabled: boolean
  readonly disabledReason: string | null
  readonly pausedAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** changes with every change of the row */
  readonly version: number
}
