import { formatId, NotFoundError, uuidv7 } from '@posthorn/core'
import type { CallableApp, CallableCapability } from '../apps/app-directory.ts'
import { NO_FALLBACK } from '../fallbacks/grammar.ts'
import type { CallIncident } from '../log/call-log.ts'
import type { FallbackChoice } from '../manifest/capability.ts'
import { defaultFallback, defaultTimeoutMs } from '../manifest/defaults.ts'
import { TIMEOUT_LIMITS } from '../manifest/limits.ts'
import { Deadline } from '../time/deadline.ts'
import { isPromiseLike, TIMED_OUT, type TimedOut, Watch } from '../time/watch.ts'
import { Asking } from './asking.ts'
import type { CallInput } from './call-input.ts'
import type { CallResult } from './call-result.ts'
import { errorOf, type WebhookCallError } from './errors.ts'
import { fallBack } from './fall-back.ts'
import type { CallFault } from './fault.ts'
import { keepAnswer, keptAnswer } from './kept-answers.ts'
import type { CallParts } from './parts.ts'
import { recordCall } from './record-call.ts'

/** What a call comes to, before it is told and recorded. */
export interface CallEnd {
  readonly outcome: CallResult['outcome']
  readonly source: string
  readonly data: unknown
  readonly fault?: CallFault
  readonly fallback?: string
  readonly ageMs?: number
  readonly audit?: Readonly<Record<string, unknown>>
}

/** One call from its start to its answer. */
export class Call {
  readonly id = uuidv7()
  /** The id that people see, `call_…`. */
  readonly shownId = formatId('call', this.id)
  readonly input: CallInput
  readonly parts: CallParts
  readonly watch: Watch
  readonly startedAtMs: number
  /** Requests made so far. */
  attempts = 0
  deadline: Deadline
  endpointId: string | undefined
  readonly #budgetMs: number | undefined
  readonly #startedAt: number

  /**
   * @param budgetMs what is left of the operation that the call belongs to
   * @throws the reason of the caller's signal, if it has fired already
   */
  constructor(parts: CallParts, input: CallInput, budgetMs: number | undefined) {
    this.parts = parts
    this.input = input
    this.#budgetMs = budgetMs
    this.#startedAt = parts.clock.monotonic() - input.waitedMs
    this.startedAtMs = parts.clock.now() - input.waitedMs
    this.watch = new Watch(parts.timers, input.signal)
    // Until the manifest is at hand: it may ask for the shortest timeout that there is.
    const unknownMs = Math.min(defaultTimeoutMs(parts.defaults, input.capability), TIMEOUT_LIMITS.minMs)
    this.deadline = new Deadline(unknownMs, budgetMs)
  }

  /** Milliseconds since the call began. */
  get elapsedMs(): number {
    return this.parts.clock.monotonic() - this.#startedAt
  }

  /**
   * @throws NotFoundError for an app or a capability that there is not
   * @throws WebhookCallError where no fallback is wanted
   * @throws the reason of the caller's signal, as soon as it fires
   */
  async run(): Promise<CallResult> {
    try {
      const end = await this.#end()
      const result = this.#resultOf(end)
      recordCall(this, { ...end, durationMs: result.durationMs })
      return result
    } catch (error) {
      if (this.input.signal?.aborted && error === this.input.signal.reason) {
        recordCall(this, { outcome: 'abandoned', source: null, durationMs: this.#durationMs() })
      }
      throw error
    } finally {
      this.watch.end()
    }
  }

  /** Records something that only an operator should notice. */
  incident(kind: CallIncident['kind'], error: unknown): void {
    const { appId, capability } = this.input
    const message = error instanceof Error ? error.message : String(error)
    const at = new Date(this.parts.clock.now())
    this.parts.log.incident({ kind, appId, capability, callId: this.id, message, at })
  }

  async #end(): Promise<CallEnd> {
    const app = await this.#findApp()
    if (app === 'unavailable') return this.#insteadOf(UNKNOWN_APP, this.#defaultChoice())
    const capability = app.capabilities.get(this.input.capability)
    if (capability === undefined) {
      throw new NotFoundError(`the app ${app.id} offers no capability ${this.input.capability}`)
    }
    this.endpointId = capability.endpointId
    this.deadline = new Deadline(capability.timeoutMs, this.#budgetMs)
    if (capability.isAsync) return this.#enqueue(capability)
    const kept = capability.cacheTtlMs === 0 ? undefined : await keptAnswer(this, capability)
    if (kept !== undefined) return kept
    const answer = await new Asking(this, app, capability).run()
    if (!answer.ok) return this.#insteadOf(answer.error, capability.fallback)
    keepAnswer(this, capability, answer.value)
    return { outcome: 'ok', source: 'app', data: answer.value }
  }

  async #findApp(): Promise<CallableApp | 'unavailable'> {
    let app: CallableApp | undefined | TimedOut
    try {
      const found = this.parts.apps.find(this.input.appId)
      app = isPromiseLike(found) ? await this.watch.wait(found, this.deadline.leftMs(this.elapsedMs)) : found
    } catch (error) {
      this.input.signal?.throwIfAborted()
      this.incident('apps', error)
      return 'unavailable'
    }
    if (app === undefined) throw new NotFoundError(`there is no app ${this.input.appId}`)
    if (app !== TIMED_OUT) return app
    this.incident('apps', new Error('the app was not found in time'))
    return 'unavailable'
  }

  #defaultChoice(): FallbackChoice {
    const strategy = defaultFallback(this.parts.defaults, this.input.capability)
    return { strategy, options: this.parts.strategies.get(strategy)?.options.safeParse({}).data ?? {} }
  }

  async #insteadOf(fault: CallFault, choice: FallbackChoice): Promise<CallEnd> {
    if (this.input.wantsError || choice.strategy === NO_FALLBACK) throw this.#failure(fault)
    return fallBack(this, fault, choice)
  }

  #failure(fault: CallFault): WebhookCallError {
    const { appId, capability } = this.input
    const durationMs = this.#durationMs()
    recordCall(this, { outcome: 'failed', source: null, fault, durationMs })
    return errorOf(fault, { callId: this.shownId, appId, capability, durationMs, attempts: this.attempts })
  }

  async #enqueue(capability: CallableCapability): Promise<CallEnd> {
    const { queue } = this.parts
    const { appId, payloadText, context, requestId, traceparent } = this.input
    const { endpointId, name, url, retry, timeoutMs } = capability
    try {
      if (queue === undefined) throw new Error('the delegator has no queue for asynchronous capabilities')
      const queued = await this.watch.wait(
        queue.enqueue({
          ...{ callId: this.id, appId, endpointId, capability: name, url },
          ...{ payloadText, context, requestId, traceparent, retry, timeoutMs },
        }),
        this.deadline.leftMs(this.elapsedMs),
      )
      if (queued === TIMED_OUT) throw new Error('the call was not queued in time')
      return { outcome: 'queued', source: 'queue', data: { deliveryId: queued.deliveryId } }
    } catch (error) {
      this.input.signal?.throwIfAborted()
      this.incident('queue', error)
      return this.#insteadOf(NOT_QUEUED, capability.fallback)
    }
  }

  #durationMs(): number {
    return Math.round(this.elapsedMs * 10) / 10
  }

  #resultOf({ outcome, source, data, fault, ageMs }: CallEnd): CallResult {
    return {
      callId: this.shownId,
      requestId: this.input.requestId,
      outcome,
      source,
      data,
      ...(fault !== undefined && { reason: fault.reason, message: fault.message }),
      ...(ageMs !== undefined && { ageMs }),
      durationMs: this.#durationMs(),
      attempts: this.attempts,
    }
  }
}

const UNKNOWN_APP: CallFault = {
  reason: 'unavailable',
  message: 'What the app offers could not be read in time',
}
const NOT_QUEUED: CallFault = { reason: 'unavailable', message: 'The call could not be queued in time' }
