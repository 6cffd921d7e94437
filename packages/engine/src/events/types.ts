import type { CaptureErrorCode, EventStatus, Page, PageRequest } from '@posthorn/db'
import type { AttemptView, DeliveryView } from '../deliveries/types.ts'

/** A payload as bytes that must arrive as they are, instead of a value that is printed as JSON. */
export interface RawPayload {
  /** valid JSON text */
  readonly json: string
}

/** One event for the endpoints that subscribe to its type. */
export interface PublishInput {
  /** dotted words: `order.created` */
  readonly type: string
  /** any JSON value, or a {@link RawPayload} made by `rawJson` */
  readonly payload: unknown
  /** names the event within its app; the same id again answers with the first result */
  readonly requestId?: string
  readonly sessionId?: string
  /** extra headers of its deliveries */
  readonly headers?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, unknown>>
  /** tries, the first included; overrides the endpoint's */
  readonly maxAttempts?: number
  readonly scheduledAt?: Date | string
  /** deliveries of one endpoint with the same key go out one after the other */
  readonly orderingKey?: string
}

/** What intake knows of the request beside the event itself. */
export interface PublishContext {
  readonly source?: string
  /** header `x-request-id` or a fresh one; kept when the event has no `requestId` */
  readonly httpRequestId?: string
  readonly traceparent?: string
  readonly ipAddress?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One event for one destination. */
export type EnqueueInput = EnqueuedEvent & (ToUrl | ToEndpoint)

interface ToUrl {
  /** its endpoint is made the first time and found again */
  readonly url: string
  readonly endpointId?: undefined
}

interface ToEndpoint {
  readonly url?: undefined
  /** `ep_…`, whatever types the endpoint subscribes to */
  readonly endpointId: string
}

interface EnqueuedEvent extends Omit<PublishInput, 'type' | 'requestId' | 'sessionId'> {
  /** the event's type, sent as `x-event-type` (`message`) */
  readonly type?: string
  readonly idempotencyKey?: string
}

/** An event that was taken: on disk, or in your transaction. */
export interface Accepted {
  /** `evt_…` */
  readonly eventId: string
  /** `dlv_…`, one for each endpoint it is owed to */
  readonly deliveryIds: string[]
  /** the id was used before, for the same event: this is what it made then */
  readonly duplicate: boolean
  /** what the event is called: its `requestId`, or the one it was given */
  readonly requestId: string
}

/** An event in a list. */
export interface EventView {
  readonly id: string
  readonly type: string
  readonly requestId: string
  readonly traceId: string | null
  readonly sessionId: string | null
  readonly source: string
  readonly status: EventStatus
  readonly metadata: Record<string, unknown> | null
  readonly receivedAt: string
  /** null for an event that was published: it is processed by its deliveries */
  readonly capture: CaptureView | null
}

/** What became of a captured event. Times are ISO 8601. */
export interface CaptureView {
  /** by its sender's clock */
  readonly occurredAt: string | null
  readonly processedAt: string | null
  readonly processingTimeMs: number | null
  /** `conv_…` */
  readonly conversationId: string | null
  /** `msg_…` */
  readonly messageId: string | null
  /** `tu_…` */
  readonly toolUseId: string | null
  /** `evt_…`: the same request came before */
  readonly duplicateOf: string | null
  readonly retryCount: number
  readonly retryAfter: string | null
  readonly error: { readonly code: CaptureErrorCode; readonly message: string } | null
}

/** An event with what became of it. `payload` is the JSON text as it came. */
export interface EventDetail extends EventView {
  readonly payload: RawPayload
  /** where an error of its processing came from */
  readonly errorStack: string | null
  /** what was received with an event that is `INVALID`; base64 where it is no text */
  readonly rawBody: { readonly encoding: 'utf8' | 'base64'; readonly text: string } | null
  readonly deliveries: (DeliveryView & { readonly attempts: AttemptView[] })[]
}

export interface EventsApi {
  get(id: string): Promise<EventDetail>
  list(
    filter?: {
      type?: string
      requestId?: string
      sessionId?: string
      status?: EventStatus
      since?: Date
    } & PageRequest,
  ): Promise<Page<EventView>>
}
