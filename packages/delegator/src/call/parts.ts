import type { Clock, Random } from '@posthorn/core'
import type { WebhookDispatcher } from '@posthorn/dispatcher'
import type { SchemaChecks } from '../answer/schema-checks.ts'
import type { AppDirectory } from '../apps/app-directory.ts'
import type { AnswerCache } from '../cache/answer-cache.ts'
import type { CircuitGate } from '../circuit/circuit-gate.ts'
import type { FallbackRegistry } from '../fallbacks/registry.ts'
import type { LogBuffer } from '../log/log-buffer.ts'
import type { CallDefaults } from '../manifest/defaults.ts'
import type { Timers } from '../time/timers.ts'
import type { CallQueue } from './call-queue.ts'
import type { OpenCalls } from './open-calls.ts'

/** What all calls of a delegator share. */
export interface CallParts {
  readonly apps: AppDirectory
  readonly dispatcher: WebhookDispatcher
  /** Undefined for an operator who wants no circuits. */
  readonly gate: CircuitGate | undefined
  readonly strategies: FallbackRegistry
  readonly defaults: CallDefaults
  readonly cache: AnswerCache
  readonly queue: CallQueue | undefined
  readonly open: OpenCalls
  readonly log: LogBuffer
  readonly checks: SchemaChecks
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly connectTimeoutMs: number
  readonly responseLimitBytes: number
}
