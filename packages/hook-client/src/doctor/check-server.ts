import type { IncomingMessage } from 'node:http'
import { classifyTransportError } from '@posthorn/core'
import { meaningOf } from '../terminal/hold-text.ts'
import { VERSION } from '../version.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** Beyond this, times of events in the server's lists are confusing. */
const MAX_SKEW_MS = 30_000

/** What the server made of a request that is no event. */
interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly durationMs: number
  /** Server time minus ours, in the middle of the request; undefined where it did not tell. */
  readonly skewMs: number | undefined
}

/**
 * Whether the server is there, and takes this key at this URL. The request has a content type that the route does not
 * take, so that no event is made: a server that knows the route and the key answers 415.
 */
export async function checkServer(
  url: string,
  apiKey: string | undefined,
  timeoutMs: number,
): Promise<Check[]> {
  let answer: Answer
  try {
    answer = await ask(url, apiKey, timeoutMs)
  } catch (error) {
    const failure = classifyTransportError(error)
    const { code = failure } = error as NodeJS.ErrnoException
    const { host } = new URL(url)
    const hint = {
      dns: 'Is the name right, and is there a network?',
      tls: 'Is the certificate valid here? NODE_EXTRA_CA_CERTS names further authorities.',
      timeout:
        'Does a firewall or a proxy lie in between? NODE_USE_ENV_PROXY=1 uses the proxies of the environment.',
    }[failure as string]
    return [
      fail('server', `${host} cannot be reached: ${code}`, hint ?? 'Is it running, and is the URL right?'),
    ]
  }
  if (answer.status === 429 || answer.status >= 500) {
    const hint = 'It is busy or has a fault; events are kept and sent later.'
    return [warn('server', meaningOf(answer.status) ?? `it answers ${answer.status}`, hint)]
  }
  return [
    ok('server', `it answers in ${answer.durationMs} ms`),
    ...judgeStatus(url, answer, apiKey),
    ...judgeClock(answer),
  ]
}

function judgeStatus(url: string, { status, headers }: Answer, apiKey: string | undefined): Check[] {
  const told = meaningOf(status) ?? `it answers ${status}`
  const html = headers['content-type']?.startsWith('text/html') ?? false
  if (status === 401) {
    if (apiKey === undefined) return []
    return [
      fail(
        'key',
        told,
        'Was it revoked, or made by another server? Make one: posthorn keys create --role ingest',
      ),
    ]
  }
  if (status === 403)
    return [fail('key', told, 'It needs the role ingest or admin: posthorn keys create --role ingest')]
  if (status === 404 || status === 405 || html) {
    const { pathname } = new URL(url)
    return [
      fail(
        'server',
        html && status < 400 ? 'a web page answered, and not a Posthorn server' : `${told}: ${pathname}`,
        'The URL is the whole one, and ends with /api/v1/hooks/claude-code',
      ),
    ]
  }
  if (status >= 300 && status < 400)
    return [
      fail(
        'server',
        told,
        `Redirects are not followed: give the URL it leads to (${headers.location ?? 'not told'}).`,
      ),
    ]
  return [ok('key', 'the server takes this key')]
}

function judgeClock({ skewMs }: Answer): Check[] {
  if (skewMs === undefined) return []
  const seconds = Math.round(Math.abs(skewMs) / 1_000)
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return [ok('clock', "it agrees with the server's")]
  const text = `it is ${seconds} s ${skewMs < 0 ? 'ahead of' : 'behind'} the server's`
  return [warn('clock', text, 'Set it by a time server: events bear the time of this clock.')]
}

function ask(url: string, apiKey: string | undefined, timeoutMs: number): Promise<Answer> {
  const http = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http')
  const startedAt = Date.now()
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      headers: {
        'content-type': 'text/plain',
        'content-length': 0,
        'user-agent': `posthorn-hook/${VERSION}`,
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
    })
    const timer = setTimeout(() => {
      request.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
    }, timeoutMs)
    request.on('error', reject)
    request.on('close', () => clearTimeout(timer))
    request.on('response', (response) => {
      const now = Date.now()
      const date = Date.parse(response.headers.date ?? '')
      // The header has whole seconds: on average it is half a second behind.
      const skewMs = Number.isNaN(date) ? undefined : date + 500 - (startedAt + now) / 2
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        durationMs: now - startedAt,
        skewMs,
      })
      response.resume()
      request.destroy()
    })
    request.end()
  })
}
