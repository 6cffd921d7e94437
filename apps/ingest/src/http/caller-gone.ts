import type { FastifyReply } from 'fastify'
import { callerGone } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/** Fires when the connection is gone before the answer was sent; with a reason that is no fault of ours. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  if (reply.raw.destroyed) gone.abort(new ProblemError(callerGone))
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new ProblemError(callerGone))
  })
  return gone.signal
}
