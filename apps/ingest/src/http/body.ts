import type { FastifyInstance, FastifyRequest } from 'fastify'
import { unsupportedMediaType } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { readJson } from './json-text.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** the handler wants the bytes of the body, not a value parsed from them */
    rawBody?: boolean
  }
}

export const NDJSON = 'application/x-ndjson'

/**
 * Bodies are kept as the bytes that came. Routes with `rawBody` get them as they are; for the others they are parsed
 * here, with nothing read into a wrong encoding, and an empty body is none.
 */
export function registerBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) =>
    done(null, bytes),
  )
  app.addHook('onRequest', (request, _reply, done) => done(refusedEncoding(request)))
  app.addHook('preValidation', (request, _reply, done) => {
    if (!Buffer.isBuffer(request.body) || request.routeOptions.config.rawBody) return done()
    const bytes = request.body
    try {
      request.body = bytes.length === 0 ? undefined : readJson(bytes).value
      done()
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Where a route takes newline-delimited JSON beside JSON. */
export function takeNdjson(app: FastifyInstance): void {
  app.addContentTypeParser(NDJSON, { parseAs: 'buffer' }, (_request, bytes, done) => done(null, bytes))
}

/** JSON is UTF-8 and is taken as it is; what says that it is something else would only fail later and less clearly. */
function refusedEncoding(request: FastifyRequest): ProblemError | undefined {
  const coding = request.headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return new ProblemError(
      unsupportedMediaType('Send the body without a content-encoding.', { 'accept-encoding': 'identity' }),
    )
  }
  const [, charset] = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '') ?? []
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    return new ProblemError(unsupportedMediaType('JSON is sent as UTF-8.'))
  }
  return undefined
}

/** The bytes of the body on a route with `rawBody`; none where the request had no body. */
export function bodyBytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}
