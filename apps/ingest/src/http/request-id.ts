import type { IncomingMessage } from 'node:http'
import { newRequestId } from '@posthorn/core'

const VISIBLE_ASCII = /^[\x21-\x7e]{1,200}$/

/**
 * The id of a request: the caller's `x-request-id` where it is 1 to 200 visible ASCII characters, so that it can stand in
 * a header and a log line; otherwise a fresh one.
 */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && VISIBLE_ASCII.test(given) ? given : newRequestId()
}
