import type { FailureClass } from '@posthorn/core'
import type { DeadLetterReason, DeliveryStatus, Page, PageRequest } from '@posthorn/db'

/** One HTTP request made for a delivery. */
export interface AttemptView {
  readonly id: string
  readonly number: number
  readonly startedAt: string
  readonly durationMs: number
  readonly success: boolean
  readonly statusCode: number | null
  readonly failure: FailureClass | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly timing: Record<string, number> | null
  readonly responseHeaders: Record<string, string> | null
  readonly responseBody: string | null
  readonly responseTruncated: boolean
}

/** A delivery as its owner sees it. Times are ISO 8601. */
export interface DeliveryView {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly status: DeliveryStatus
  readonly attemptCount: number
  readonly maxAttempts: number
  readonly nextAttemptAt: string | null
  readonly scheduledAt: string | null
  readonly expiresAt: string
  readonly orderingKey: string | null
  readonly metadata: Record<string, unknown> | null
  readonly createdAt: string
  readonly deliveredAt: string | null
  readonly failedAt: string | null
  readonly lastFailure: string | null
  readonly lastError: string | null
  readonly cancelRequested: boolean
}

/** Why a delivery will not be tried again by itself. Times are ISO 8601. */
export interface DeadLetterView {
  /** `dl_…` */
  readonly id: string
  readonly reason: DeadLetterReason
  readonly failedAt: string
  readonly attempts: number
  readonly error: string | null
  readonly requeuedAt: string | null
  readonly discardedAt: string | null
}

/** A delivery with every request made for it, and why it is dead if it is. */
export interface DeliveryDetail extends DeliveryView {
  readonly attempts: AttemptView[]
  readonly deadLetter: DeadLetterView | null
}

export interface DeliveriesApi {
  get(id: string): Promise<DeliveryDetail>
  list(
    filter?: { endpointId?: string; eventId?: string; status?: DeliveryStatus } & PageRequest,
  ): Promise<Page<DeliveryView>>
  /** @throws ConflictError while it is being tried, or when it was delivered or cancelled */
  retry(id: string, options?: { by?: string }): Promise<DeliveryView>
  /** `requested`: it is being tried at this moment, and what comes of that decides. */
  cancel(id: string): Promise<{ status: 'cancelled' | 'requested'; delivery: DeliveryView }>
}
