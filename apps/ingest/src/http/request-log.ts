import type { RequestEnd } from './request-end.ts'

/**
 * One line for each request, and nothing in it that a caller wrote but the request id: the route's pattern instead of
 * the URL, the key's id instead of the key.
 */
export function logRequest({ request, route, status, durationMs }: RequestEnd): void {
  const { caller, log, method } = request
  log.info(
    {
      method,
      route,
      status,
      durationMs: Math.round(durationMs * 100) / 100,
      ...(request.eventRequestId !== null && { eventRequestId: request.eventRequestId }),
      ...(caller && { app: caller.appId, key: caller.key.id }),
    },
    'request',
  )
}

const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'x-api-key', 'webhook-signature']
const SECRET_FIELDS = ['secret', 'token', 'password', 'payload', 'body']

/** Where credentials and payloads stand in what may be logged by mistake; replaced whatever logs it. */
export const REDACTED_PATHS = [
  ...CREDENTIAL_HEADERS.flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]),
  ...SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]),
]
