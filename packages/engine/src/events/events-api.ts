import { isUtf8 } from 'node:buffer'
import { formatId, NotFoundError } from '@posthorn/core'
import type { DeliveryRepository, EventRepository, EventSummary } from '@posthorn/db'
import { attemptView, deliveryView } from '../deliveries/delivery-view.ts'
import { idOrNotFound, idOrNull, isoOrNull, requestIdOf } from '../ids.ts'
import type { CaptureView, EventDetail, EventsApi, EventView } from '../types.ts'
import { rawJson } from './raw-json.ts'

/** Events on behalf of one app. */
export function createEventsApi(
  appId: string,
  events: EventRepository,
  deliveries: DeliveryRepository,
): EventsApi {
  return {
    async get(id) {
      const uuid = idOrNotFound('evt', id)
      const event = await events.get(appId, uuid)
      if (!event) throw new NotFoundError('There is no such event.')
      const owed = await deliveries.ofEvent(appId, uuid)
      const attempts = await deliveries.attempts(owed.map((delivery) => delivery.id))
      return {
        ...eventView(event),
        payload: rawJson(event.payload ?? 'null', { isChecked: true }),
        errorStack: event.errorStack,
        rawBody: event.rawBody && readable(event.rawBody),
        deliveries: owed.map((delivery) => ({
          ...deliveryView(delivery),
          attempts: attempts.filter((attempt) => attempt.deliveryId === delivery.id).map(attemptView),
        })),
      }
    },

    async list(filter = {}) {
      const page = await events.list(appId, filter, filter)
      return { ...page, data: page.data.map(eventView) }
    },
  }
}

function eventView(event: EventSummary): EventView {
  return {
    id: formatId('evt', event.id),
    type: event.eventType,
    requestId: requestIdOf(event.id, event.requestId),
    traceId: event.traceId,
    sessionId: event.sessionId,
    source: event.source,
    status: event.status,
    metadata: event.metadata,
    receivedAt: event.receivedAt.toISOString(),
    capture: event.occurredAt || event.duplicateOf ? captureView(event) : null,
  }
}

function captureView(event: EventSummary): CaptureView {
  return {
    occurredAt: isoOrNull(event.occurredAt),
    processedAt: isoOrNull(event.processedAt),
    processingTimeMs: event.processingTimeMs,
    conversationId: idOrNull('conv', event.conversationId),
    messageId: idOrNull('msg', event.messageId),
    toolUseId: idOrNull('tu', event.toolUseId),
    duplicateOf: idOrNull('evt', event.duplicateOf),
    retryCount: event.retryCount,
    retryAfter: isoOrNull(event.retryAfter),
    error: event.errorCode && { code: event.errorCode, message: event.errorMessage ?? '' },
  }
}

function readable(bytes: Buffer): EventDetail['rawBody'] {
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64'
  return { encoding, text: bytes.toString(encoding) }
}
