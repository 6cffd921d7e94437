import type { CircuitSettings, CircuitStateName } from '@posthorn/circuit-breaker'
import type { RetryPolicy } from '@posthorn/core'
import type { EndpointFormat, EndpointOrigin, Page, PageRequest } from '@posthorn/db'
import type { AttemptView } from '../deliveries/types.ts'

/** What an endpoint can be told. Durations are milliseconds. */
export interface EndpointInput {
  readonly url: string
  /** `order.created`, `order.*`, `*` */
  readonly eventTypes?: readonly string[]
  readonly description?: string | null
  readonly capability?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
  readonly retry?: unknown
  readonly successCodes?: readonly number[] | null
  readonly format?: EndpointFormat
  readonly maxConcurrency?: number
  readonly rateLimit?: { readonly limit: number; readonly periodMs: number } | null
  readonly circuit?: Partial<CircuitSettings>
  readonly signing?: 'v1' | 'v1a'
  readonly orderingOnFailure?: 'continue' | 'halt'
  readonly enabled?: boolean
}

/** An endpoint as it may be shown: no secret, and of its headers the names alone (values are `[REDACTED]`). */
export interface EndpointView {
  /** `ep_…` */
  readonly id: string
  /** who made it: the API, `enqueue({ url })`, or the app's manifest */
  readonly origin: EndpointOrigin
  readonly url: string
  readonly eventTypes: string[]
  readonly description: string | null
  readonly capability: string | null
  readonly headers: Record<string, string>
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryPolicy
  readonly successCodes: number[] | null
  readonly format: EndpointFormat
  readonly maxConcurrency: number
  readonly rateLimit: { readonly limit: number; readonly periodMs: number } | null
  readonly circuit: CircuitSettings
  readonly signing: 'v1' | 'v1a'
  readonly orderingOnFailure: 'continue' | 'halt'
  readonly enabled: boolean
  readonly disabledReason: string | null
  readonly pausedAt: string | null
  readonly createdAt: string
  readonly updatedAt: string
  /** for `v1a`: `whpk_…`, what receivers verify with */
  readonly publicKey: string | null
}

/** A secret, shown this once. */
export interface NewSecret {
  readonly secret: string
  readonly publicKey: string | null
}

/** The state of an endpoint's circuit. Times are ISO 8601. */
export interface CircuitView {
  readonly endpointId: string
  readonly state: CircuitStateName
  readonly epoch: number
  readonly consecutiveFailures: number
  readonly openedAt: string | null
  readonly nextProbeAt: string | null
  readonly settings: CircuitSettings
}

export interface EndpointsApi {
  /** @returns the endpoint and its secret, shown this once */
  create(input: EndpointInput): Promise<EndpointView & NewSecret>
  get(id: string): Promise<EndpointView>
  list(page?: PageRequest): Promise<Page<EndpointView>>
  /** Changes only what is given. */
  update(id: string, input: Partial<EndpointInput>): Promise<EndpointView>
  remove(id: string): Promise<void>
  /** A new secret at once; the old one signs beside it for `graceMs` (a day), at most ten at a time. */
  rotateSecret(id: string, options?: { graceMs?: number }): Promise<NewSecret>
  /** Deliveries wait until it is resumed (or expire). */
  pause(id: string): Promise<EndpointView>
  resume(id: string): Promise<EndpointView>
  /** Sends one signed test request now and tells what came of it; an attempt of kind `test`, no delivery. */
  test(id: string): Promise<AttemptView>
  circuit(id: string): Promise<CircuitView>
  resetCircuit(id: string): Promise<CircuitView>
}
