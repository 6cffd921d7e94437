import type { IncomingMessage } from 'node:http'
import { newRequestId } from '@posthorn/core'
import type { FastifyReply, FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyRequest {
    /** what the event of this request is called, where that is not the request's own id */
    eventRequestId: string | null
  }
}

const VISIBLE_ASCII = /^[\x21-\x7e]{1,200}$/

/**
 * The id of a request: the caller's `x-request-id` where it is 1 to 200 visible ASCII characters, so that it can stand in
 * a header and a log line; otherwise a fresh one.
 */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && VISIBLE_ASCII.test(given) ? given : newRequestId()
}

/**
 * An event that its sender gave an id is found by that id everywhere: in the log line, in the row, at the receiver, and in
 * the answer's `x-request-id`, unless the sender named the request too.
 */
export function nameAfterEvent(request: FastifyRequest, reply: FastifyReply, eventRequestId: string): void {
  if (eventRequestId === request.id) return
  request.eventRequestId = eventRequestId
  if (request.headers['x-request-id'] === undefined) reply.header('x-request-id', eventRequestId)
}
