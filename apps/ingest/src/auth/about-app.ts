import { parseId } from '@posthorn/core'
import type { KeyIdentity } from '@posthorn/db'
import type { FastifyRequest } from 'fastify'
import { forbidden, invalid, notFound } from '../problems/catalogue.ts'
import type { Problem } from '../problems/problem.ts'

const HEADER = 'x-posthorn-app'

/** The app a request is about; null where a key of the platform names none. */
export interface AboutApp {
  readonly id: string | null
}

/** The app that the path names (`:appId`), else the one in `x-posthorn-app`, else that of the key. */
export function aboutApp(key: KeyIdentity, request: FastifyRequest): AboutApp | Problem {
  const inPath = (request.params as { appId?: string } | undefined)?.appId
  const ofPath = inPath === undefined ? undefined : parseId('app', inPath)
  if (inPath !== undefined && ofPath === undefined) return notFound('There is no such app.')
  const inHeader = request.headers[HEADER]
  const ofHeader = typeof inHeader === 'string' ? parseId('app', inHeader) : undefined
  if (inHeader !== undefined && ofHeader === undefined) {
    return invalid([{ path: HEADER, message: 'is not the id of an app', expected: 'app_<32 hex digits>' }])
  }
  if (ofPath !== undefined && ofHeader !== undefined && ofPath !== ofHeader)
    return invalid([{ path: HEADER, message: 'names another app than the path' }])
  const named = ofPath ?? ofHeader ?? key.appId
  if (key.appId !== null && key.appId !== named) return forbidden('The API key belongs to another app.')
  return { id: named }
}
