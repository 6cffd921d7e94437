import { DEFAULT_CIRCUIT_SETTINGS, MemoryCircuitStore } from '@posthorn/circuit-breaker'
import { type Clock, systemClock, UnavailableError, ValidationError } from '@posthorn/core'
import { createDispatcher } from '@posthorn/dispatcher'
import { SchemaChecks } from './answer/schema-checks.ts'
import { MemoryApprovalStore } from './approvals/memory-approval-store.ts'
import type { AnswerCache } from './cache/answer-cache.ts'
import { MemoryAnswerCache } from './cache/memory-answer-cache.ts'
import { Call } from './call/call.ts'
import { readCall } from './call/call-input.ts'
import type { CallOptions, CallResult } from './call/call-result.ts'
import { OpenCalls } from './call/open-calls.ts'
import type { CallParts } from './call/parts.ts'
import type { CircuitListener } from './circuit/admission.ts'
import { CircuitGate } from './circuit/circuit-gate.ts'
import { type Circuits, circuitsOf } from './circuit/circuits.ts'
import { lastGood } from './fallbacks/last-good.ts'
import { pendingApproval } from './fallbacks/pending-approval.ts'
import { randomSeed, randomWinner } from './fallbacks/random-winner.ts'
import { type FallbackRegistry, fallbackRegistry } from './fallbacks/registry.ts'
import { staticAnswer } from './fallbacks/static-answer.ts'
import { LogBuffer } from './log/log-buffer.ts'
import { warningLog } from './log/warning-log.ts'
import { defaultsIssues, withCallDefaults } from './manifest/defaults.ts'
import { type Operation, type OperationOptions, openOperation } from './operation.ts'
import type { DelegatorOptions } from './options.ts'
import { systemTimers } from './time/timers.ts'

/** Asks third-party apps while somebody waits. */
export interface Delegator {
  /**
   * Asks an app, and answers within the capability's timeout + 500 ms: with the app's answer, or with what the
   * capability's fallback says in its place.
   *
   * @param payload JSON, sent as it is; see `payloadText` of the options for JSON text
   * @throws ValidationError for a call that makes no sense; NotFoundError for an app or a capability that there is not
   * @throws WebhookCallError and its kinds where no fallback is wanted
   * @throws the reason of `options.signal`, as soon as it fires
   */
  call(appId: string, capability: string, payload: unknown, options?: CallOptions): Promise<CallResult>
  /**
   * Several calls within one budget: each has its own timeout or what is left of the budget, whichever is less, so
   * that all of them are answered within `budgetMs` + 500 ms.
   *
   * @throws ValidationError for a budget that is none
   */
  operation(options: OperationOptions): Operation
  readonly circuits: Circuits
  /** Writes the records that were gathered so far. */
  flush(): Promise<void>
  /** Refuses new calls, waits for those under way, and writes what there is to write. */
  close(): Promise<void>
}

const MAX_KEPT_RECORDS = 20_000
/** An app that hangs has its circuit opened long before: only a flood comes to this. */
const MAX_OPEN_PER_APP = 2_000

/**
 * Makes a delegator.
 *
 * @throws ValidationError naming every option that is wrong
 */
export function createDelegator(options: DelegatorOptions): Delegator {
  return new AppDelegator(options)
}

class AppDelegator implements Delegator {
  readonly circuits: Circuits
  readonly #parts: CallParts
  readonly #gate: CircuitGate
  readonly #log: LogBuffer
  readonly #closeDispatcher: () => Promise<void>
  #underWay = 0
  #whenIdle: (() => void)[] = []
  #isClosed = false

  constructor(options: DelegatorOptions) {
    const { apps, clock = systemClock, timers = systemTimers, log = warningLog, logFlushMs = 250 } = options
    const cache = options.cache ?? new MemoryAnswerCache({ clock })
    const strategies = strategiesFor(options, cache, clock)
    const defaults = withCallDefaults(options.defaults)
    const issues = defaultsIssues(defaults, new Set(strategies.keys()))
    if (issues.length > 0) throw new ValidationError(issues)
    this.#log = new LogBuffer({ log, clock, timers, flushMs: logFlushMs, maxKept: MAX_KEPT_RECORDS })
    this.#gate = gateFor(options, this.#log)
    this.circuits = circuitsOf(apps, this.#gate)
    const dispatcher = options.dispatcher ?? createDispatcher(policyOf(options))
    this.#closeDispatcher = async () => {
      if (options.dispatcher === undefined) await dispatcher.close()
    }
    this.#parts = {
      ...{ apps, dispatcher, strategies, defaults, cache, clock, timers },
      ...{ log: this.#log, queue: options.queue, checks: new SchemaChecks() },
      open: new OpenCalls(options.maxOpenPerApp ?? MAX_OPEN_PER_APP),
      gate: options.circuitBreaker === false ? undefined : this.#gate,
      random: options.random ?? Math.random,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      responseLimitBytes: options.responseLimitBytes ?? 262_144,
    }
  }

  call(appId: string, capability: string, payload: unknown, options: CallOptions = {}): Promise<CallResult> {
    return this.#start(appId, capability, payload, options, undefined)
  }

  operation(options: OperationOptions): Operation {
    return openOperation(options, this.#parts.clock, (call, budgetMs) =>
      this.#start(call.appId, call.capability, call.payload, call.options, budgetMs),
    )
  }

  flush(): Promise<void> {
    return this.#log.flush()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    await this.#gate.close()
    await this.#log.close()
    await this.#closeDispatcher()
  }

  async #start(
    appId: string,
    capability: string,
    payload: unknown,
    options: CallOptions,
    budgetMs: number | undefined,
  ): Promise<CallResult> {
    if (this.#isClosed) throw new UnavailableError('the delegator is closed')
    const input = readCall(appId, capability, payload, options)
    this.#underWay++
    try {
      return await new Call(this.#parts, input, budgetMs).run()
    } finally {
      this.#ended()
    }
  }

  #ended(): void {
    this.#underWay--
    if (this.#underWay > 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}

function policyOf({ networkPolicy }: DelegatorOptions) {
  return networkPolicy === undefined ? {} : { networkPolicy }
}

function strategiesFor(options: DelegatorOptions, cache: AnswerCache, clock: Clock): FallbackRegistry {
  const { strategies = [], approvals = new MemoryApprovalStore({ clock }) } = options
  const builtIn = [
    staticAnswer(),
    lastGood(cache, clock),
    randomWinner(options.seed ?? randomSeed),
    pendingApproval(approvals, clock),
  ]
  return new Map([...fallbackRegistry(builtIn), ...fallbackRegistry(strategies)])
}

function gateFor(options: DelegatorOptions, log: LogBuffer): CircuitGate {
  const { clock = systemClock, timers = systemTimers, circuitSettings = DEFAULT_CIRCUIT_SETTINGS } = options
  const settings = typeof circuitSettings === 'function' ? circuitSettings : () => circuitSettings
  const store = options.circuitStore ?? new MemoryCircuitStore({ settings, clock })
  const listener: CircuitListener = {
    changed: (target, change) => log.circuitChange({ ...target, ...change }),
    failed: ({ appId, capability }, error) => {
      const message = error instanceof Error ? error.message : String(error)
      log.incident({ kind: 'circuits', appId, capability, callId: null, message, at: new Date(clock.now()) })
    },
  }
  return new CircuitGate({ store, settings, clock, timers, listener })
}
