import { makeBody } from '../delivery/jobs.ts'

export const EVENT_TYPE = 'order.created'

/** What every server of this suite is sent: an event whose payload is 1 024 bytes of JSON. */
export function requestBody(): string {
  return `{"type":"${EVENT_TYPE}","payload":${makeBody(1)}}`
}
