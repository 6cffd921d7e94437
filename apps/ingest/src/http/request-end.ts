import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** How a request ended. */
export interface RequestEnd {
  readonly request: FastifyRequest
  readonly route: string
  /** 499 where the caller went away before it was answered */
  readonly status: number
  readonly durationMs: number
}

export type RequestEndListener = (end: RequestEnd) => void

const CLIENT_CLOSED_REQUEST = 499

/**
 * Tells of the end of every request once, however it ends: Fastify's own hook is silent about those whose caller goes
 * away.
 */
export function registerRequestEnd(app: FastifyInstance, listeners: readonly RequestEndListener[]): void {
  app.addHook('onRequest', (request, reply, done) => {
    const startedAt = performance.now()
    reply.raw.once('close', () => {
      const end = endOf(request, reply, performance.now() - startedAt)
      for (const listener of listeners) listener(end)
    })
    done()
  })
}

function endOf(request: FastifyRequest, reply: FastifyReply, durationMs: number): RequestEnd {
  return {
    request,
    route: request.routeOptions.url ?? 'unmatched',
    status: reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST,
    durationMs,
  }
}
