import type { Accepted } from '@posthorn/engine'

/** The answer for an event that was taken, as JSON text: written by hand, since each one sent costs it. */
export function acceptedJson(accepted: Accepted): string {
  const { eventId, requestId, duplicate, deliveryIds } = accepted
  return (
    `{"id":"${eventId}","requestId":${JSON.stringify(requestId)},"status":"accepted",` +
    `"duplicate":${duplicate},"deliveries":${deliveryIds.length}}`
  )
}
