import type { CircuitSettings, CircuitStore } from '@posthorn/circuit-breaker'
import type { Clock, Random } from '@posthorn/core'
import type { NetworkPolicy, WebhookDispatcher } from '@posthorn/dispatcher'
import type { ApprovalStore } from './approvals/approval-store.ts'
import type { AppDirectory } from './apps/app-directory.ts'
import type { AnswerCache } from './cache/answer-cache.ts'
import type { CallQueue } from './call/call-queue.ts'
import type { SeedSource } from './fallbacks/random-winner.ts'
import type { FallbackStrategy } from './fallbacks/strategy.ts'
import type { CallLog } from './log/call-log.ts'
import type { CallDefaults } from './manifest/defaults.ts'
import type { Timers } from './time/timers.ts'

/** What a delegator is made of. Whatever is left out lives in this process. */
export interface DelegatorOptions {
  /** Where apps and their manifests are found. */
  readonly apps: AppDirectory
  /** What holds where a manifest says nothing, or cannot be read in time. Give {@link parseManifest} the same. */
  readonly defaults?: Partial<CallDefaults>

  /** Where calls may go, for the delegator's own dispatcher; everything that is not public is refused unless given. */
  readonly networkPolicy?: NetworkPolicy
  /** A dispatcher to share. It stays open when the delegator is closed. */
  readonly dispatcher?: WebhookDispatcher
  /** Milliseconds for DNS, TCP and TLS of a new connection. Default 5 000. */
  readonly connectTimeoutMs?: number
  /** The largest answer, bytes. Default 262 144. */
  readonly responseLimitBytes?: number

  /** How many calls may wait for one app at once, in this process; others have their fallback. Default 2 000. */
  readonly maxOpenPerApp?: number

  /** False for no circuits at all. */
  readonly circuitBreaker?: boolean
  /** Circuits that processes share. Default: in memory. */
  readonly circuitStore?: CircuitStore
  /** When circuits open and close, for all of them or by endpoint; the same that the store goes by. */
  readonly circuitSettings?: CircuitSettings | ((endpointId: string) => CircuitSettings)

  /** Fallback strategies beside the built-in ones; one of the same name takes its place. */
  readonly strategies?: readonly FallbackStrategy[]
  /** For the fallback `pending-approval`. Default: in memory. */
  readonly approvals?: ApprovalStore
  /** For `cacheTtl` and the fallback `last-good`. Default: in memory. */
  readonly cache?: AnswerCache
  /** Seeds of the fallback `random-winner`. Default: 256 random bits for each draw. */
  readonly seed?: SeedSource
  /** Takes the calls of asynchronous capabilities; without one they have their fallback. */
  readonly queue?: CallQueue

  /** Where calls are recorded. Without one, incidents become process warnings and nothing else is kept. */
  readonly log?: CallLog
  /** Milliseconds for which records are gathered before they are written. Default 250. */
  readonly logFlushMs?: number

  readonly clock?: Clock
  readonly timers?: Timers
  readonly random?: Random
}
