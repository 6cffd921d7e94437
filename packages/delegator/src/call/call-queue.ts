import type { ExponentialPolicy } from '@posthorn/core'

/** A call of an asynchronous capability, to be delivered like a webhook. */
export interface QueuedCall {
  /** UUIDv7. */
  readonly callId: string
  readonly appId: string
  readonly endpointId: string
  readonly capability: string
  readonly url: string
  /** JSON text, to be sent as it is. */
  readonly payloadText: string
  readonly context: Readonly<Record<string, unknown>>
  readonly requestId: string
  readonly traceparent: string | undefined
  readonly retry: ExponentialPolicy
  /** For each attempt. */
  readonly timeoutMs: number
}

/** Takes asynchronous calls. */
export interface CallQueue {
  /**
   * Answers once the call is safe: from then on it is delivered or ends in a dead-letter queue.
   *
   * @throws whatever goes wrong: the call then has its fallback
   */
  enqueue(call: QueuedCall): Promise<{ readonly deliveryId: string }>
}
