import type { FastifyInstance } from 'fastify'
import { callerOf } from '../auth/hook.ts'
import { rateLimited } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/**
 * How many requests with events one app may have open in one process: far above what a busy sender needs, and low
 * enough that the bodies of a flood do not take the memory of the others.
 */
export const MAX_OPEN_PER_APP = 1_000

/**
 * The same for calls, whose callers wait for as long as an app takes: an app that hangs has its circuit opened long
 * before, so that only a flood comes to this.
 */
export const MAX_CALLS_PER_APP = 2_000

/** How many requests of a kind one app may have open. */
export interface AdmissionLimits {
  readonly publish: number
  readonly call: number
}

/** Counts the open requests of each app that bring events, and its open calls, and answers those beyond with 429. */
export function registerAdmission(app: FastifyInstance, limits: AdmissionLimits): void {
  const open = new Map<string, number>()

  const release = (key: string) => {
    const count = (open.get(key) ?? 0) - 1
    if (count > 0) open.set(key, count)
    else open.delete(key)
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { access } = request.routeOptions.config
    if (access !== 'publish' && access !== 'call') return done()
    const key = `${access} ${callerOf(request).appId}`
    const count = open.get(key) ?? 0
    const limit = limits[access]
    if (count >= limit) {
      const what = access === 'publish' ? 'requests with events' : 'calls'
      return done(new ProblemError(rateLimited(`This app has ${limit} ${what} open already.`)))
    }
    open.set(key, count + 1)
    // The end of the response, however it came about: answered, or the connection was lost.
    reply.raw.once('close', () => release(key))
    done()
  })
}
