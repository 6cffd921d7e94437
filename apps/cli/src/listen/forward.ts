import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'

/** A request that came in, whole. */
export interface Incoming {
  readonly method: string
  /** names and values in turn, as they came */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** What the target answered. */
export interface Forwarded {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Those that belong to one connection and not to the message. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'content-length',
  'expect',
])

/**
 * Sends a request on to `target` with its method, headers and body as they came; only the headers that belong to the
 * connection are made anew.
 *
 * @throws what the connection failed with, or the signal's reason
 */
export async function forward(target: URL, incoming: Incoming, signal: AbortSignal): Promise<Forwarded> {
  const headers = ownHeaders(incoming.rawHeaders, target.host, incoming.body.length)
  const options: RequestOptions = { method: incoming.method, headers, signal }
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    send(target, options, resolve).once('error', reject).end(incoming.body)
  })
  return {
    status: response.statusCode ?? 502,
    headers: endToEnd(response.headers),
    body: await buffer(response),
  }
}

function ownHeaders(raw: readonly string[], host: string, length: number): string[] {
  const kept: string[] = ['host', host]
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = raw.slice(index, index + 2)
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value)
  }
  return [...kept, 'content-length', String(length)]
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)))
}
