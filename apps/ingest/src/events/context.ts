import { isIP } from 'node:net'
import type { PublishContext } from '@posthorn/engine'
import type { FastifyRequest } from 'fastify'

/** Headers that are kept with an event, beside what is kept in columns of its own. None of them carries a credential. */
const KEPT_HEADERS = ['user-agent', 'content-type', 'tracestate'] as const

/** What is kept of a request beside the event. */
export function publishContext(request: FastifyRequest): PublishContext {
  const { traceparent } = request.headers
  const ipAddress = addressOf(request.ip)
  return {
    source: 'http',
    httpRequestId: request.id,
    headers: keptHeaders(request),
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(ipAddress !== undefined && { ipAddress }),
  }
}

/** The headers of a request that are kept, cut to a length. */
export function keptHeaders(request: FastifyRequest, more: readonly string[] = []): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of [...KEPT_HEADERS, ...more]) {
    const value = request.headers[name]
    if (typeof value === 'string') kept[name] = value.slice(0, 512)
  }
  return kept
}

/** The address in the form PostgreSQL takes. What a proxy passed on may be anything at all. */
export function addressOf(ip: string): string | undefined {
  const address = ip.startsWith('::ffff:') && isIP(ip.slice(7)) === 4 ? ip.slice(7) : ip.replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : address
}
