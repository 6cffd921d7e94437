import type { ValidationIssue } from '@posthorn/core'
import type { CaptureError, ClientReport, EventStatus } from '@posthorn/db'

/** A request with an event of a tool's hook, from a sender who was let in. */
export interface CaptureRequest {
  /** uuid */
  readonly appId: string
  /** the whole body as it came */
  readonly body: Buffer
  /** the header `x-request-id`; else the body's `requestId` counts, else the event gets one of its own */
  readonly requestId: string | null
  /** the header `x-captured-at` */
  readonly capturedAt: string | null
  readonly traceId: string | null
  /** those that may be kept, credentials taken out */
  readonly headers: Readonly<Record<string, string>> | null
  readonly ipAddress: string | null
  readonly client: ClientReport | null
  /** false: it is only kept, as `PENDING`, for any worker to project */
  readonly project: boolean
}

/** What became of it. Ids are as people read them: `evt_…`, `conv_…`, `msg_…`, `tu_…`. */
export interface CaptureResult {
  readonly eventId: string
  readonly requestId: string
  readonly status: EventStatus
  /** the same request came before: this is what became of the first */
  readonly duplicate: boolean
  readonly conversationId: string | null
  readonly messageId: string | null
  readonly toolUseId: string | null
  readonly error: CaptureError | null
  /** what is wrong with an event that is `INVALID` */
  readonly issues: readonly ValidationIssue[]
  /** `{ event, timestamp, sessionId, data }`, as older clients send it */
  readonly isOlderFormat: boolean
  /** the sender named the request, in the header or the body */
  readonly isNamed: boolean
  /** such as `PreToolUse`; null where the body does not say */
  readonly hookEventName: string | null
}

/** What processing events again has done, by event. */
export interface ReprocessReport {
  /** back in the queue: a worker projects them */
  readonly queued: number
  /** were INVALID, and still are */
  readonly invalid: number
  /** were INVALID, and turned out to be copies of events that are there */
  readonly duplicates: number
  /** their request id was used for another event in the meantime: nothing was changed */
  readonly mismatched: number
  /** the last event that was looked at, for `after` of the next call; null: there are no more */
  readonly next: string | null
}
