import type { FastifyInstance } from 'fastify'
import { callerOf } from '../auth/hook.ts'
import { rateLimited } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/**
 * How many requests with events one app may have open in one process: far above what a busy sender needs, and low
 * enough that the bodies of a flood do not take the memory of the others.
 */
export const MAX_OPEN_PER_APP = 1_000

/** Counts the open requests of each app that bring events, and answers those beyond `limit` with 429. */
export function registerAdmission(app: FastifyInstance, limit: number): void {
  const open = new Map<string, number>()

  const release = (appId: string) => {
    const count = (open.get(appId) ?? 0) - 1
    if (count > 0) open.set(appId, count)
    else open.delete(appId)
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.access !== 'publish') return done()
    const { appId } = callerOf(request)
    const count = open.get(appId) ?? 0
    if (count >= limit) {
      return done(new ProblemError(rateLimited(`This app has ${limit} requests with events open already.`)))
    }
    open.set(appId, count + 1)
    // The end of the response, however it came about: answered, or the connection was lost.
    reply.raw.once('close', () => release(appId))
    done()
  })
}
