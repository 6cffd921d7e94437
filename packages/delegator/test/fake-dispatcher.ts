import type { DispatchRequest, DispatchResult, WebhookDispatcher } from '@posthorn/dispatcher'
import type { VirtualTime } from './virtual-time.ts'

/** What a request comes to, and after how many milliseconds. */
export interface FakeReply {
  readonly afterMs: number
  readonly result: DispatchResult
  /** Does not end at its own deadline, as no dispatcher should. */
  readonly isStubborn?: boolean
}

const BARE = { responseTruncated: false, bytesSent: 0, bytesReceived: 0 }

/** A response with this JSON. */
export function answered(value: unknown, status = 200): DispatchResult {
  const responseBody = Buffer.from(JSON.stringify(value))
  return { ...BARE, verdict: 'success', status, responseBody, timing: { totalMs: 0 } }
}

/** A failed request. */
export function failed(
  failure: NonNullable<DispatchResult['failure']>,
  verdict: DispatchResult['verdict'] = 'retryable',
  more: Partial<DispatchResult> = {},
): DispatchResult {
  return {
    ...BARE,
    verdict,
    failure,
    errorCode: 'FAKE',
    errorMessage: 'It failed',
    timing: { totalMs: 0 },
    ...more,
  }
}

/** Plays replies one after another in virtual time; the last repeats. It keeps its deadline, as the real one does. */
export class FakeDispatcher implements WebhookDispatcher {
  readonly requests: DispatchRequest[] = []
  readonly #time: VirtualTime
  readonly #replies: readonly FakeReply[]

  constructor(time: VirtualTime, replies: readonly FakeReply[]) {
    this.#time = time
    this.#replies = replies
  }

  async send(request: DispatchRequest): Promise<DispatchResult> {
    const reply = this.#replies[Math.min(this.requests.length, this.#replies.length - 1)]
    this.requests.push(request)
    if (reply === undefined) throw new Error('no reply was written down')
    const isInTime = reply.afterMs <= request.timeoutMs
    const waitMs = isInTime || reply.isStubborn ? reply.afterMs : request.timeoutMs
    await this.#time.sleep(waitMs)
    const timing = { totalMs: waitMs }
    return isInTime || reply.isStubborn ? { ...reply.result, timing } : { ...failed('timeout'), timing }
  }

  async close(): Promise<void> {}
}
