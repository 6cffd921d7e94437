import { formatId } from '@posthorn/core'
import type { Attempt, DeadLetter, Delivery } from '@posthorn/db'
import { isoOrNull } from '../ids.ts'
import type { AttemptView, DeadLetterView, DeliveryView } from '../types.ts'

export function deliveryView(delivery: Delivery): DeliveryView {
  return {
    ...delivery,
    id: formatId('dlv', delivery.id),
    eventId: formatId('evt', delivery.eventId),
    endpointId: formatId('ep', delivery.endpointId),
    nextAttemptAt: isoOrNull(delivery.nextAttemptAt),
    scheduledAt: isoOrNull(delivery.scheduledAt),
    expiresAt: delivery.expiresAt.toISOString(),
    createdAt: delivery.createdAt.toISOString(),
    deliveredAt: isoOrNull(delivery.deliveredAt),
    failedAt: isoOrNull(delivery.failedAt),
  }
}

export function attemptView(attempt: Attempt): AttemptView {
  return {
    id: formatId('att', attempt.id),
    number: attempt.number,
    startedAt: attempt.startedAt.toISOString(),
    durationMs: attempt.durationMs,
    success: attempt.success,
    statusCode: attempt.statusCode,
    failure: attempt.failure,
    errorCode: attempt.errorCode,
    errorMessage: attempt.errorMessage,
    timing: attempt.timing,
    responseHeaders: attempt.responseHeaders,
    responseBody: attempt.responseBody,
    responseTruncated: attempt.responseTruncated,
  }
}

export function deadLetterView(letter: DeadLetter): DeadLetterView {
  return {
    ...letter,
    id: formatId('dl', letter.id),
    failedAt: letter.failedAt.toISOString(),
    requeuedAt: isoOrNull(letter.requeuedAt),
    discardedAt: isoOrNull(letter.discardedAt),
  }
}
