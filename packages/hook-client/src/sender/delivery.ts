import { newSpanId, nextDelayMs, type Random, RETRY_PRESETS } from '@posthorn/core'
import type { HookConfig } from '../config/config.ts'
import type { HookLog } from '../logs/types.ts'
import { shrinkBody } from '../redaction/shrink.ts'
import {
  claimEvent,
  completeEvent,
  failEvent,
  failedName,
  releaseEvent,
  replaceEvent,
} from '../spool/claims.ts'
import { encodeEvent, readEventFile } from '../spool/event-file.ts'
import type { Spool } from '../spool/layout.ts'
import type { Failure, FailureReason, LastError, SpooledEvent } from '../spool/types.ts'
import { extendHold, settingsFingerprint } from './hold.ts'
import { judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import type { EventSender } from './send-event.ts'
import type { SendOutcome, SendProgress } from './types.ts'
import type { Pause } from './wake.ts'

/** What one send of an event needs. */
export interface DeliveryParts {
  spool: Spool
  config: HookConfig & { url: string; apiKey: string }
  ledger: Ledger
  sender: EventSender
  /** The owner of the claims: the lock's token. */
  owner: string
  log: HookLog
  pause: Pause
  random: Random
  signal: AbortSignal
  onProgress(progress: SendProgress): void
  /** The report to send with an event. */
  report(requestId: string): string
}

/** What a send came to. */
export type Delivered = 'sent' | 'duplicate' | 'failed' | 'waiting' | 'held' | 'stopped' | 'gone'

type Refusal = Extract<SendOutcome, { ok: false }>

/** Claims an event, sends it with its quick tries, and puts it where its outcome belongs. */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #requestId: string
  #claimed = ''

  constructor(parts: DeliveryParts, requestId: string) {
    this.#parts = parts
    this.#requestId = requestId
  }

  /** @throws what the disk throws when it does not let the event be moved. */
  async run(): Promise<Delivered> {
    const { spool, config, owner } = this.#parts
    const { quickTries, quickRetryDelayMs, timeoutMs } = config
    const longestMs = quickTries * (timeoutMs + quickRetryDelayMs) + LEASE_MARGIN_MS
    const claim = { owner, leaseUntil: spool.clock.now() + longestMs }
    const claimed = claimEvent(spool, this.#requestId, claim)
    if (claimed === undefined) return 'gone'
    this.#claimed = claimed
    const decoded = readEventFile(spool, this.#requestId, 'processing', claimed)
    if (decoded === undefined) return 'gone'
    if ('corrupt' in decoded) {
      return this.#fail(undefined, 'corrupt', { message: decoded.corrupt, code: 'corrupt' }, 0)
    }
    if ('unsealed' in decoded) {
      return this.#fail(undefined, 'unsealed', { message: decoded.unsealed, code: 'unsealed' }, 0)
    }
    return this.#send(decoded.event)
  }

  async #send(event: SpooledEvent): Promise<Delivered> {
    const { config, ledger, pause, signal } = this.#parts
    const triesBefore = ledger.retryOf(this.#requestId)?.tries ?? 0
    for (let quick = 1; ; quick++) {
      const tries = triesBefore + quick
      const outcome = await this.#request(event, tries)
      if (outcome.ok) return this.#complete(event, outcome)
      const judgement = judge(outcome)
      if (judgement.kind === 'stopped') return this.#release('stopped')
      if (judgement.kind === 'reject') return this.#fail(event, 'rejected', outcome, tries)
      if (judgement.kind === 'shrink') return this.#shrink(event, outcome, tries)
      const isRefused = judgement.kind === 'hold' && judgement.hold === 'refused'
      const waitMs = Math.max(config.quickRetryDelayMs, outcome.retryAfterMs ?? 0)
      const mayTryAgain = quick < config.quickTries && !isRefused && waitMs <= LONGEST_QUICK_WAIT_MS
      if (!mayTryAgain) {
        return judgement.kind === 'hold'
          ? this.#hold(judgement.hold, outcome)
          : this.#wait(event, outcome, tries)
      }
      this.#logTry(event, outcome, tries)
      this.#tell({ kind: 'retrying', ...told(event), error: outcome.code, retryInMs: waitMs })
      const holdBefore = ledger.hold
      await pause(waitMs, signal)
      if (signal.aborted) return this.#release('stopped')
      // Another event found in the meantime that nothing can be sent.
      if (ledger.hold !== null && ledger.hold !== holdBefore) return this.#release('held')
    }
  }

  async #request(event: SpooledEvent, attempt: number): Promise<SendOutcome> {
    const { sender, config, signal, report, log } = this.#parts
    const spanId = newSpanId()
    this.#tell({ kind: 'sending', ...told(event), attempt })
    log.debug('sending', { ...traced(event), spanId, attempt, bytes: Buffer.byteLength(event.body) })
    const { url, apiKey, timeoutMs } = config
    const request = { url, apiKey, timeoutMs, attempt, spanId, report: report(this.#requestId), signal }
    const outcome = await sender.send(event, request)
    if (outcome.ok) {
      const { status, durationMs, duplicate } = outcome
      log.success('sent', {
        ...traced(event),
        spanId,
        event: event.event,
        attempt,
        status,
        durationMs,
        duplicate,
      })
    }
    return outcome
  }

  #complete(event: SpooledEvent, outcome: Extract<SendOutcome, { ok: true }>): Delivered {
    const { spool, ledger } = this.#parts
    const { status, durationMs, duplicate } = outcome
    completeEvent(spool, this.#claimed)
    ledger.sent(this.#requestId)
    this.#tell({ kind: 'sent', ...told(event), status, durationMs, duplicate })
    return duplicate ? 'duplicate' : 'sent'
  }

  /** The event's own failure: it waits by its schedule, and its session with it. */
  #wait(event: SpooledEvent, outcome: Refusal, tries: number): Delivered {
    const { spool, ledger, random, log } = this.#parts
    const sends = (ledger.retryOf(this.#requestId)?.sends ?? 0) + 1
    const { retryAfterMs = 0 } = outcome
    const delayMs = nextDelayMs(RETRY_PRESETS.spool, sends, { random, retryAfterMs })
    if (delayMs === null) return this.#fail(event, 'exhausted', outcome, tries)
    const now = spool.clock.now()
    const before = ledger.retryOf(this.#requestId)
    const lastError = this.#errorOf(outcome)
    ledger.waits(this.#requestId, {
      ...before,
      sends,
      tries,
      lastTriedAt: now,
      nextTryAt: now + delayMs,
      lastError,
    })
    this.#logTry(event, outcome, tries)
    log.queue('waiting', { ...traced(event), sends, tries, nextTryInMs: delayMs, code: outcome.code })
    this.#tell({ kind: 'waiting', ...told(event), error: outcome.code, retryInMs: delayMs })
    return this.#release('waiting')
  }

  /** The failure of the server as a whole: nothing is sent for a while, and this event pays nothing. */
  #hold(kind: 'refused' | 'unreachable' | 'busy', outcome: Refusal): Delivered {
    const { spool, config, ledger, random, log } = this.#parts
    const { status, retryAfterMs } = outcome
    const now = spool.clock.now()
    const settings = settingsFingerprint(config)
    const error = this.#errorOf(outcome)
    const before = ledger.hold
    // Several requests on their way at once find the same: that is one send, not many.
    const isSameSend =
      before !== null &&
      before.lastTriedAt >= now - SAME_SEND_MS &&
      before.kind === kind &&
      before.settings === settings
    if (!isSameSend || before.error.code !== error.code) {
      const happened = { kind, settings, error, ...(status !== undefined && { status }) }
      const hold = isSameSend
        ? { ...before, ...happened }
        : extendHold(
            before,
            now,
            { ...happened, ...(retryAfterMs !== undefined && { retryAfterMs }) },
            random,
          )
      ledger.holds(hold)
      log.error(`nothing can be sent: ${kind}`, {
        code: error.code,
        detail: error.message,
        status,
        nextTryInMs: hold.nextTryAt - now,
        requestId: this.#requestId,
      })
      this.#tell({ kind: 'held', hold })
    }
    return this.#release('held')
  }

  #fail(
    event: SpooledEvent | undefined,
    reason: FailureReason,
    outcome: Pick<Refusal, 'message' | 'code' | 'status' | 'problem'>,
    tries: number,
  ): Delivered {
    const { spool, ledger, log } = this.#parts
    const { message, code, status, problem } = outcome
    const failure: Failure = {
      reason,
      at: new Date(spool.clock.now()).toISOString(),
      message,
      tries,
      code,
      ...(status !== undefined && { status }),
      ...(problem !== undefined && { problem }),
    }
    failEvent(spool, 'processing', this.#claimed, failedName(this.#claimed), failure)
    ledger.failed(this.#requestId, { code, message })
    const trace = event ? traced(event) : { requestId: this.#requestId }
    log.error(`moved to failed/: ${reason}`, { ...trace, code, detail: message, status, tries })
    this.#tell({ kind: 'failed', requestId: this.#requestId, event: event?.event, reason, message })
    return 'failed'
  }

  /** Cuts an event that the server finds too large, once, and lets it be sent again at once. */
  #shrink(event: SpooledEvent, outcome: Refusal, tries: number): Delivered {
    const { spool, ledger, log } = this.#parts
    const before = ledger.retryOf(this.#requestId)
    const bytes = Buffer.byteLength(event.body)
    const body = before?.shrunk ? undefined : shrinkBody(event.body, Math.floor(bytes / 2))
    if (body === undefined) return this.#fail(event, 'rejected', outcome, tries)
    const now = spool.clock.now()
    ledger.waits(this.#requestId, {
      sends: before?.sends ?? 0,
      tries,
      lastTriedAt: now,
      nextTryAt: now,
      lastError: this.#errorOf(outcome),
      shrunk: true,
    })
    replaceEvent(spool, this.#claimed, this.#requestId, encodeEvent(spool, { ...event, body }))
    log.queue('cut smaller for the server', { ...traced(event), bytes, keptBytes: Buffer.byteLength(body) })
    return 'waiting'
  }

  #release(what: Delivered): Delivered {
    releaseEvent(this.#parts.spool, this.#claimed, this.#requestId)
    return what
  }

  #errorOf({ code, message }: Refusal): LastError {
    return { code, message, at: new Date(this.#parts.spool.clock.now()).toISOString() }
  }

  #logTry(event: SpooledEvent, { code, message, status, durationMs }: Refusal, attempt: number): void {
    this.#parts.log.error('not sent', {
      ...traced(event),
      code,
      detail: message,
      status,
      durationMs,
      attempt,
    })
  }

  #tell(progress: SendProgress): void {
    this.#parts.onProgress(progress)
  }
}

/** What a claim's lease leaves for the disk. */
const LEASE_MARGIN_MS = 15_000
/** A server that asks for more than this is not tried again within a send. */
const LONGEST_QUICK_WAIT_MS = 10_000
const SAME_SEND_MS = 1_000

const told = ({ requestId, event }: SpooledEvent) => ({ requestId, event })
const traced = ({ requestId, traceId }: SpooledEvent) => ({ requestId, traceId })
