import { err, type Result } from '@posthorn/core'
import type { DispatchResult } from '@posthorn/dispatcher'
import { readAnswer } from '../answer/read-answer.ts'
import type { CallableApp, CallableCapability } from '../apps/app-directory.ts'
import { type Admission, ALWAYS_ADMITTED, type Refusal } from '../circuit/admission.ts'
import { isFairTimeout, OVERRUN_MS } from '../time/deadline.ts'
import { isPromiseLike, TIMED_OUT } from '../time/watch.ts'
import { attemptRecord } from './attempt-record.ts'
import type { Call } from './call.ts'
import { callHeaders } from './call-request.ts'
import {
  type CallFault,
  faultOfAnswer,
  faultOfAttempt,
  isAppInTrouble,
  isRetryable,
  wasNeverSent,
} from './fault.ts'

/** A probe's place outlasts its request by this much, milliseconds. */
const LEASE_SLACK_MS = 5_000

const OVERLOADED: CallFault = { reason: 'overloaded', message: 'Too many calls wait for the app' }
const NO_TIME_LEFT: CallFault = { reason: 'timeout', message: 'The app was not asked: no time was left' }
const NO_BUDGET_LEFT: CallFault = {
  reason: 'budget_exhausted',
  message: "Nothing was left of the operation's time",
}

interface Tried {
  readonly answer: Result<unknown, CallFault>
  readonly result: DispatchResult
  readonly requestMs: number
}

/** Asks the app: attempts within the deadline, as many as the manifest allows, while the circuit lets them through. */
export class Asking {
  readonly #call: Call
  readonly #app: CallableApp
  readonly #capability: CallableCapability

  constructor(call: Call, app: CallableApp, capability: CallableCapability) {
    this.#call = call
    this.#app = app
    this.#capability = capability
  }

  /** The answer, or what was wrong with the last attempt. @throws the reason of the caller's signal */
  async run(): Promise<Result<unknown, CallFault>> {
    const { deadline, parts, watch } = this.#call
    if (!parts.open.enter(this.#app.id)) return err(OVERLOADED)
    try {
      let last: CallFault | undefined
      for (let tries = 1; ; tries++) {
        const { elapsedMs } = this.#call
        if (deadline.requestMs(elapsedMs) === undefined) return err(last ?? this.#nothingLeft())
        const asked = this.#admit(elapsedMs)
        const hadToWait = isPromiseLike(asked)
        const admission = hadToWait ? await asked : asked
        if (!admission.isAdmitted) return err(last ?? circuitOpen(admission))
        const requestMs = deadline.requestMs(hadToWait ? this.#call.elapsedMs : elapsedMs)
        if (requestMs === undefined || this.#call.input.signal?.aborted) {
          admission.settle('released', 0)
          this.#call.input.signal?.throwIfAborted()
          return err(last ?? this.#nothingLeft())
        }
        const answer = await this.#try(admission, requestMs, tries)
        if (answer.ok || !isRetryable(answer.error)) return answer
        last = answer.error
        const { retryAfterMs } = answer.error
        const delayMs = deadline.retryDelayMs(this.#call.elapsedMs, this.#capability.retry, tries, {
          random: parts.random,
          retryAfterMs,
        })
        if (delayMs === undefined) return answer
        await watch.pause(delayMs)
      }
    } finally {
      parts.open.leave(this.#app.id)
    }
  }

  #nothingLeft(): CallFault {
    return this.#call.deadline.timeoutMs < this.#capability.timeoutMs ? NO_BUDGET_LEFT : NO_TIME_LEFT
  }

  #admit(elapsedMs: number): Admission | Refusal | Promise<Admission | Refusal> {
    const { deadline, input, parts } = this.#call
    if (parts.gate === undefined) return ALWAYS_ADMITTED
    const { endpointId, name, timeoutMs } = this.#capability
    const target = { endpointId, appId: input.appId, capability: name }
    const limits = { leaseMs: timeoutMs + LEASE_SLACK_MS, waitMs: deadline.sideStepMs(elapsedMs) }
    return parts.gate.admit(target, limits)
  }

  async #try(admission: Admission, requestMs: number, number: number): Promise<Result<unknown, CallFault>> {
    const { input, parts } = this.#call
    const startedAtMs = parts.clock.now()
    let tried: Tried
    try {
      const result = await this.#send(requestMs, number)
      // Also when the caller gave up: then nothing is said about the app.
      tried = { result, requestMs, answer: this.#read(result) }
    } catch (error) {
      admission.settle('released', 0)
      throw error
    }
    admission.settle(this.#verdictOn(tried), tried.result.timing.totalMs)
    if (!wasNeverSent(tried.result)) {
      this.#call.attempts++
      const about = {
        call: this.#call,
        capability: this.#capability,
        number,
        startedAtMs,
        epoch: admission.epoch,
      }
      parts.log.attempt(attemptRecord(about, tried.result, tried.answer))
    }
    input.signal?.throwIfAborted()
    return tried.answer
  }

  async #send(requestMs: number, number: number): Promise<DispatchResult> {
    const { shownId, input, parts, startedAtMs, watch } = this.#call
    const { url, retry } = this.#capability
    let headers: Record<string, string>
    try {
      headers = callHeaders({
        callId: shownId,
        capability: input.capability,
        secret: this.#app.secret,
        body: input.payloadText,
        requestId: input.requestId,
        traceparent: input.traceparent,
        startedAtMs,
        nowMs: parts.clock.now(),
        timeoutMs: requestMs,
        attempt: number,
        maxAttempts: retry.maxAttempts,
      })
    } catch (error) {
      return internalFault(error)
    }
    const sending = parts.dispatcher.send({
      url,
      headers,
      body: input.payloadText,
      timeoutMs: requestMs,
      connectTimeoutMs: Math.min(parts.connectTimeoutMs, requestMs),
      responseLimitBytes: parts.responseLimitBytes,
      capture: 'always',
      signal: watch.signal,
    })
    // A dispatcher ends by itself; whatever happens in it, the caller is not kept waiting.
    const result = await watch.wait(sending, requestMs + OVERRUN_MS)
    if (result !== TIMED_OUT) return result
    watch.abandon(new Error('the request is over'))
    return OVERDUE
  }

  #read(result: DispatchResult): Result<unknown, CallFault> {
    if (result.verdict !== 'success') return err(faultOfAttempt(result))
    const { status = 0, responseBody = EMPTY, responseTruncated } = result
    const check = this.#call.parts.checks.of(this.#capability.responseSchema)
    const answer = readAnswer({ status, body: responseBody, isTruncated: responseTruncated }, check)
    return answer.ok ? answer : err(faultOfAnswer(answer.error, status))
  }

  /** A refusal shows a living app, and counts as neither. */
  #verdictOn({ answer, result, requestMs }: Tried): 'success' | 'failure' | 'released' {
    if (this.#call.input.signal?.aborted) return 'released'
    if (answer.ok) return 'success'
    if (wasNeverSent(result) || answer.error.reason === 'unavailable' || answer.error.reason === 'internal') {
      return 'released'
    }
    if (!isAppInTrouble(answer.error)) return 'success'
    const isUnfair =
      answer.error.reason === 'timeout' && !isFairTimeout(requestMs, this.#capability.timeoutMs)
    return isUnfair ? 'released' : 'failure'
  }
}

const EMPTY = new Uint8Array()

const BARE = { responseTruncated: false, timing: { totalMs: 0 }, bytesSent: 0, bytesReceived: 0 } as const

/** What a request comes to that did not end when it should have. */
const OVERDUE: DispatchResult = {
  ...BARE,
  verdict: 'retryable',
  failure: 'timeout',
  errorCode: 'TIMEOUT',
  errorMessage: 'No complete response within the timeout',
}

function internalFault(error: unknown): DispatchResult {
  const errorMessage = error instanceof Error ? error.message : 'The request could not be built'
  return { ...BARE, verdict: 'requeue', failure: 'internal', errorCode: 'INTERNAL', errorMessage }
}

function circuitOpen({ retryAfterMs }: Refusal): CallFault {
  return {
    reason: 'circuit_open',
    message: 'The app was not asked: its circuit is open',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}
