import { DEFAULT_APP_ID, type KeyIdentity } from '@posthorn/db'
import type { AppScope, Posthorn } from '@posthorn/engine'
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import { forbidden, notFound, unauthorized } from '../problems/catalogue.ts'
import { type Problem, ProblemError } from '../problems/problem.ts'
import { type AboutApp, aboutApp } from './about-app.ts'
import { type Access, isAllowed, rolesFor } from './access.ts'
import type { Authenticator } from './authenticator.ts'
import { SeenApps } from './seen-apps.ts'

/** On whose behalf a request is made. */
export interface Caller {
  readonly key: KeyIdentity
  readonly appId: string
  /** the app that the request is confined to; null where a key of the platform names none, and so may mean every app */
  readonly onlyAppId: string | null
  /** the engine on behalf of that app */
  readonly scope: AppScope
  /** how long it took to find that out, ms: long where the database does not answer */
  readonly waitedMs: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** what the route needs of its caller; every route must say it */
    access?: Access
    /** true: for keys of the platform alone */
    platform?: boolean
  }
  interface FastifyRequest {
    caller: Caller | null
  }
}

/** Asks every request but those of `public` routes for a key, and every route for what it needs. */
export function registerAuth(
  app: FastifyInstance,
  parts: { posthorn: Posthorn; authenticator: Authenticator },
): void {
  app.decorateRequest('caller', null)
  app.addHook('onRoute', (route) => {
    if (!route.config?.access)
      throw new Error(`${route.method} ${route.url} does not say what access it needs`)
  })
  app.addHook('onRequest', authHook(parts))
}

/** Who makes the request. For routes that need a key. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new Error(`${request.routeOptions.url} has no caller`)
  return request.caller
}

const noRole = ({ role }: KeyIdentity, access: Access): string =>
  `A key of role "${role}" may not do this: it takes one of role ${rolesFor(access).join(' or ')}.`

function authHook(parts: { posthorn: Posthorn; authenticator: Authenticator }): onRequestHookHandler {
  const seen = new SeenApps(parts.posthorn)

  const enter = (request: FastifyRequest, key: KeyIdentity, about: AboutApp, since: number): void => {
    const appId = about.id ?? DEFAULT_APP_ID
    const waitedMs = performance.now() - since
    request.caller = { key, appId, onlyAppId: about.id, scope: seen.scopeOf(appId), waitedMs }
  }

  /** Answers at once where nothing has to be asked: this is in front of every event. */
  const admit = (
    request: FastifyRequest,
    key: KeyIdentity,
    access: Access,
    since: number,
  ): Problem | undefined | Promise<Problem | undefined> => {
    if (!isAllowed(key.role, access)) return forbidden(noRole(key, access))
    if (request.routeOptions.config.platform && key.appId !== null)
      return forbidden('A key of an app may not do this: it takes one of the platform.')
    const about = aboutApp(key, request)
    if ('status' in about) return about
    const { id } = about
    if (key.appId !== null || id === null || id === DEFAULT_APP_ID || seen.has(id))
      return void enter(request, key, about, since)
    return seen
      .find(id)
      .then((exists) => (exists ? void enter(request, key, about, since) : notFound('There is no such app.')))
  }

  return (request, _reply, done) => {
    const access = request.routeOptions.config.access
    // Only what is no route at all has no access: it is about to be answered with 404.
    if (access === undefined || access === 'public') return done()
    const since = performance.now()
    const text = bearerOf(request.headers.authorization)
    if (text === undefined) return done(new ProblemError(unauthorized(false)))
    const settle = (key: KeyIdentity | undefined) => {
      const problem = key ? admit(request, key, access, since) : unauthorized(true)
      if (problem instanceof Promise) problem.then((late) => done(late && new ProblemError(late)), done)
      else done(problem && new ProblemError(problem))
    }
    const remembered = parts.authenticator.remembered(text)
    if (remembered) settle(remembered)
    else parts.authenticator.identify(text).then(settle, done)
  }
}

/**
 * Whether the key that a long request began with may still be used: a revoked one ends it. While the database does not
 * answer nothing is known against the key.
 */
export async function isStillAllowed(
  authenticator: Authenticator,
  request: FastifyRequest,
  access: Access,
): Promise<boolean> {
  const text = bearerOf(request.headers.authorization)
  if (text === undefined) return false
  try {
    const key = authenticator.remembered(text) ?? (await authenticator.identify(text))
    return key !== undefined && isAllowed(key.role, access)
  } catch {
    return true
  }
}

function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +([^\s]+) *$/i.exec(header ?? '')?.[1]
}
