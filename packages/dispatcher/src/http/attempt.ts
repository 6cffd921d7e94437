import { AssertionError } from 'node:assert'
import {
  type Clock,
  classifyStatus,
  type FailureClass,
  parseRetryAfter,
  type Verdict,
  verdictOf,
} from '@posthorn/core'
import type { Dispatcher } from 'undici'
import { BlockedAddressError } from '../network/guarded-lookup.ts'
import type { Abortable, AbortHub } from './abort-hub.ts'
import type { DispatchRequest, DispatchResult, DispatchTiming } from './dispatch-types.ts'
import type { Exchange, TransportProbe } from './exchange.ts'
import { BLOCKED_TEXT, classifyFailure, describeFailure, type FailureText } from './failure-text.ts'
import { ResponseCapture } from './response-capture.ts'

/** Closes a socket whose request is settled already; nobody hears it. */
const GIVEN_UP = new Error('the request is over')

/**
 * The share of its timeout that a request may wait for a connection. When many wait for a receiver that hangs, they all
 * end at about the same time, and each would still open a connection in the place of the one that ended just before.
 */
const LAST_START = 0.95

const TIMED_OUT: FailureText = {
  errorCode: 'TIMEOUT',
  errorMessage: 'No complete response within the timeout',
}
const ABORTED: FailureText = { errorCode: 'ABORTED', errorMessage: 'The request was given up' }
/** The connections to the origin are all taken: nothing was sent, so nothing is said about this request. */
const NOT_HTTP: FailureText = { errorCode: 'NOT_HTTP', errorMessage: 'The answer is not HTTP' }
const NO_SLOT: FailureText = {
  errorCode: 'NO_CONNECTION_FREE',
  errorMessage: 'No connection became free in time',
}

type Headers = Record<string, string | string[] | undefined>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** One request from its start to its result. Settles exactly once; everything that comes later is ignored. */
export class Attempt implements Dispatcher.DispatchHandler, TransportProbe, Abortable {
  exchange: Exchange | undefined
  dnsMs: number | undefined
  connectMs: number | undefined
  sentAt: number | undefined
  readonly connectTimeoutMs: number
  readonly startBy: number
  readonly #request: DispatchRequest
  readonly #clock: Clock
  readonly #hub: AbortHub
  readonly #resolve: (result: DispatchResult) => void
  readonly #startedAt: number
  readonly #timer: NodeJS.Timeout
  #lastChance: NodeJS.Immediate | undefined
  #controller: Dispatcher.DispatchController | undefined
  #isSettled = false
  #bodyBytes = 0
  #status: number | undefined
  #verdict: Verdict = 'success'
  #failure: FailureClass | undefined
  #headers: Headers = {}
  #headersAt: number | undefined
  #capture: ResponseCapture | undefined

  constructor(
    request: DispatchRequest,
    clock: Clock,
    hub: AbortHub,
    resolve: (result: DispatchResult) => void,
  ) {
    this.connectTimeoutMs = request.connectTimeoutMs
    this.#request = request
    this.#clock = clock
    this.#hub = hub
    this.#resolve = resolve
    this.#startedAt = clock.monotonic()
    this.startBy = this.#startedAt + request.timeoutMs * LAST_START
    this.#timer = setTimeout(onDeadline, request.timeoutMs, this)
    if (request.signal !== undefined) hub.add(request.signal, this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isSettled) controller.abort(GIVEN_UP)
  }

  onRequestSent(): void {
    const { body } = this.#request
    this.#bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    // 1xx only announces the response (RFC 9110, section 15.2).
    if (this.#isSettled || status < 200) return
    const { successCodes, capture = 'failures', responseLimitBytes } = this.#request
    const judged = classifyStatus(status, successCodes)
    this.#headersAt = this.#clock.monotonic()
    this.#status = status
    this.#verdict = judged.verdict
    this.#failure = judged.verdict === 'success' ? undefined : judged.failure
    this.#headers = headers
    const keeps = capture === 'always' || (capture === 'failures' && judged.verdict !== 'success')
    this.#capture = new ResponseCapture(responseLimitBytes, keeps)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled || this.#capture === undefined) return
    this.#capture.add(chunk)
    if (!this.#capture.isFlooded) return
    this.#settleByStatus()
    this.#giveUp()
  }

  onResponseEnd(): void {
    if (!this.#isSettled) this.#settleByStatus()
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#isSettled) return
    if (this.#capture?.isPastLimit) this.#settleByStatus()
    else if (error instanceof BlockedAddressError) this.block()
    else this.fail(error)
  }

  /** Refused by the network policy. No timing: it would tell what lives at the address. */
  block(text: FailureText = BLOCKED_TEXT): void {
    this.#finish()
    this.#resolve({
      verdict: verdictOf('blocked'),
      failure: 'blocked',
      ...text,
      responseTruncated: false,
      timing: { totalMs: 0 },
      bytesSent: 0,
      bytesReceived: 0,
    })
  }

  /**
   * Settles with the class of an error of the transport, or `internal` for one that is none. undici asserts things about
   * an answer (a status of at least 100): that is the receiver's fault, and must use up a try.
   */
  fail(error: unknown): void {
    const failure = classifyFailure(error)
    if (failure === 'internal' && error instanceof AssertionError) this.#settle('connection', NOT_HTTP)
    else this.#settle(failure, describeFailure(failure, error))
  }

  /** The deadline has passed. What has already arrived is read first: a busy process must not invent timeouts. */
  onTimer(): void {
    this.#lastChance = setImmediate(() => this.#expire())
  }

  onAbort(): void {
    if (this.#isSettled) return
    this.#settle('shutdown', ABORTED)
    this.#giveUp()
  }

  #expire(): void {
    if (this.#isSettled) return
    if (this.#capture?.isPastLimit) this.#settleByStatus()
    else if (this.exchange !== undefined && this.exchange.connection === undefined)
      this.#settle('internal', NO_SLOT)
    else this.#settle('timeout', TIMED_OUT)
    this.#giveUp()
  }

  #giveUp(): void {
    if (this.exchange !== undefined) this.exchange.abort(GIVEN_UP)
    else this.#controller?.abort(GIVEN_UP)
  }

  #settleByStatus(): void {
    const failure = this.#failure
    if (failure === undefined) {
      this.#finish()
      this.#resolve(this.#result('success'))
      return
    }
    this.#settle(failure, {
      errorCode: `HTTP_${this.#status}`,
      errorMessage: `The receiver answered with status ${this.#status}`,
    })
  }

  #settle(failure: FailureClass, text: FailureText): void {
    this.#finish()
    const isByStatus = failure === this.#failure
    const verdict = isByStatus ? this.#verdict : verdictOf(failure)
    const retryAfter = isByStatus ? firstOf(this.#headers['retry-after']) : undefined
    const retryAfterMs = parseRetryAfter(retryAfter, this.#clock.now())
    this.#resolve({
      ...this.#result(verdict),
      failure,
      ...text,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }

  #finish(): void {
    this.#isSettled = true
    clearTimeout(this.#timer)
    if (this.#lastChance !== undefined) clearImmediate(this.#lastChance)
    if (this.#request.signal !== undefined) this.#hub.remove(this.#request.signal, this)
  }

  #result(verdict: Verdict): DispatchResult {
    const capture = this.#capture
    const result: Mutable<DispatchResult> = {
      verdict,
      responseTruncated: capture?.isPastLimit ?? false,
      timing: this.#timing(),
      bytesSent: this.#bodyBytes,
      bytesReceived: capture?.received ?? 0,
    }
    if (this.#status !== undefined) result.status = this.#status
    const body = capture?.body()
    if (body !== undefined) {
      result.responseHeaders = flatten(this.#headers)
      result.responseBody = body
    }
    return result
  }

  #timing(): DispatchTiming {
    const timing: Mutable<DispatchTiming> = { totalMs: this.#clock.monotonic() - this.#startedAt }
    if (this.dnsMs !== undefined) timing.dnsMs = this.dnsMs
    if (this.connectMs !== undefined) timing.connectMs = this.connectMs
    if (this.sentAt !== undefined && this.#headersAt !== undefined)
      timing.firstByteMs = this.#headersAt - this.sentAt
    return timing
  }
}

function onDeadline(attempt: Attempt): void {
  attempt.onTimer()
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function flatten(headers: Headers): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return Object.fromEntries(entries)
}
