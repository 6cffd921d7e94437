import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import {
  classifyStatus,
  classifyTransportError,
  formatTraceparent,
  newSpanId,
  parseRetryAfter,
  REDACTED,
} from '@posthorn/core'
import { errorCode } from '../spool/disk.ts'
import type { SpooledEvent } from '../spool/types.ts'
import { VERSION } from '../version.ts'
import { REPORT_HEADER } from './client-report.ts'
import type { SendOutcome } from './types.ts'

/** Where and how one request is made. */
export interface SendRequest {
  url: string
  apiKey: string
  /** For the whole request, the answer's body included. */
  timeoutMs: number
  /** 1-based: `x-retry-attempt`. */
  attempt: number
  /** 16 hexadecimal digits; a fresh one when it is not given. */
  spanId?: string
  /** The value of `x-posthorn-hook-client`. */
  report?: string
  signal?: AbortSignal
}

/** Makes requests; connections are kept for the next one. */
export interface EventSender {
  /** One request. Never rejects. */
  send(event: SpooledEvent, request: SendRequest): Promise<SendOutcome>
  /** Ends kept connections. */
  close(): void
}

const LARGEST_RESPONSE_BYTES = 64 * 1024
const SHORTEST_SECRET = 4
const LARGEST_PROBLEM_BYTES = 16 * 1024

/** A sender over node's own http and https, which are loaded when they are first needed. */
export function createEventSender(): EventSender {
  const agents = new Map<string, Agent>()
  return {
    send: (event, request) => sendOnce(event, request, agents, true),
    close: () => {
      for (const agent of agents.values()) agent.destroy()
      agents.clear()
    },
  }
}

/** What a request came to, before it is judged. */
interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

async function sendOnce(
  event: SpooledEvent,
  request: SendRequest,
  agents: Map<string, Agent>,
  mayReconnect: boolean,
): Promise<SendOutcome> {
  const startedAt = performance.now()
  const duration = () => Math.round(performance.now() - startedAt)
  const attempt = new Attempt(request)
  try {
    const answer = await attempt.run(event, agents)
    return outcomeOf(answer, event.requestId, (text) => without(request.apiKey, text), duration())
  } catch (error) {
    // The server closed a kept connection just as it was used again: nothing was wrong with the request.
    if (mayReconnect && attempt.reusedSocket && errorCode(error) === 'ECONNRESET') {
      return sendOnce(event, request, agents, false)
    }
    const failure = classifyTransportError(error)
    const { message } = error as Error
    return {
      ok: false,
      failure,
      code: codeOf(error) ?? failure,
      message: message || 'the connection failed',
      durationMs: duration(),
    }
  }
}

/** One request on its way. */
class Attempt {
  readonly #request: SendRequest
  #client: ClientRequest | undefined

  constructor(request: SendRequest) {
    this.#request = request
  }

  get reusedSocket(): boolean {
    return this.#client?.reusedSocket ?? false
  }

  run(event: SpooledEvent, agents: Map<string, Agent>): Promise<Answer> {
    const { url, timeoutMs, signal } = this.#request
    return new Promise((resolve, reject) => {
      const { protocol } = new URL(url)
      const http = process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http')
      const agent = agents.get(protocol) ?? new http.Agent({ keepAlive: true, ...proxyOptions() })
      agents.set(protocol, agent)
      const body = Buffer.from(event.body)
      const options: RequestOptions = {
        method: 'POST',
        agent,
        headers: { ...this.#headers(event), 'content-length': body.length },
        ...(signal && { signal }),
      }
      const client = http.request(url, options, (response) => readAnswer(response, resolve, reject))
      this.#client = client
      const timer = setTimeout(() => client.destroy(timeoutError(timeoutMs)), timeoutMs)
      client.on('error', reject)
      client.on('close', () => {
        clearTimeout(timer)
        reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }))
      })
      client.end(body)
    })
  }

  #headers(event: SpooledEvent): Record<string, string> {
    const { apiKey, attempt, spanId = newSpanId(), report } = this.#request
    return {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': `posthorn-hook/${VERSION}`,
      'x-request-id': event.requestId,
      'x-captured-at': event.capturedAt,
      traceparent: formatTraceparent({ traceId: event.traceId, spanId, sampled: true }),
      'x-retry-attempt': String(attempt),
      ...(report !== undefined && { [REPORT_HEADER]: report }),
    }
  }
}

/** With `NODE_USE_ENV_PROXY=1`, as for the whole of Node, proxies of the environment are used. */
function proxyOptions(): { proxyEnv?: NodeJS.ProcessEnv } {
  return process.env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: process.env } : {}
}

function timeoutError(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })
}

/** Reads at most what an answer may need; the rest of a larger one is not waited for. */
function readAnswer(
  response: IncomingMessage,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  const finish = () => {
    const body = Buffer.concat(chunks).subarray(0, LARGEST_RESPONSE_BYTES).toString()
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
  }
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > LARGEST_RESPONSE_BYTES) {
      finish()
      response.destroy()
    }
  })
  response.on('end', finish)
  response.on('error', reject)
}

/** `clean` is for what is kept of the answer: some servers repeat the credentials that they refuse. */
function outcomeOf(
  { status, headers, body }: Answer,
  requestId: string,
  clean: (text: string) => string,
  durationMs: number,
): SendOutcome {
  const document = parseJson(body, clean)
  const judged = classifyStatus(status)
  if (judged.verdict === 'success') {
    if (namesEvent(document, requestId)) {
      return { ok: true, status, durationMs, duplicate: document['duplicate'] === true, response: document }
    }
    const message = WEB_PAGE.test(headers['content-type'] ?? '')
      ? 'a web page answered, and not a Posthorn server'
      : 'the answer is not that of a Posthorn server: it does not name the event'
    return { ok: false, failure: 'invalid_response', code: 'invalid_response', message, durationMs, status }
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now())
  const { code, title, detail, errors } = document ?? {}
  return {
    ok: false,
    failure: judged.failure,
    code: typeof code === 'string' ? code.slice(0, 64) : `http_${status}`,
    message:
      [title, detail, firstIssue(errors)]
        .filter((one) => typeof one === 'string')
        .join(': ')
        .slice(0, 1_000) || `HTTP ${status}`,
    durationMs,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(body !== '' && { problem: document ?? clean(body).slice(0, LARGEST_PROBLEM_BYTES) }),
  }
}

const WEB_PAGE = /^\s*(?:text\/html|application\/xhtml\+xml)/i

/**
 * Whether an answer says that this event arrived, which Posthorn's always does. A network's sign-in page, a site that
 * answers every path and a proxy with nothing to say send a 2xx as well, and the event is deleted after one.
 */
function namesEvent(
  document: Record<string, unknown> | undefined,
  requestId: string,
): document is Record<string, unknown> {
  const { webhookEventId, requestId: named } = document ?? {}
  return (typeof webhookEventId === 'string' && webhookEventId !== '') || named === requestId
}

/** The first entry of a problem document's `errors`, as `path: message`. */
function firstIssue(errors: unknown): string | undefined {
  const [first] = Array.isArray(errors) ? (errors as unknown[]) : []
  if (typeof first !== 'object' || first === null) return undefined
  const { path, message } = first as { path?: unknown; message?: unknown }
  if (typeof message !== 'string') return undefined
  return typeof path === 'string' && path !== '' ? `${path}: ${message}` : message
}

/** Parses an answer, with every text in it cleaned, names included. */
function parseJson(body: string, clean: (text: string) => string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body, (_, value: unknown) => {
      if (typeof value === 'string') return clean(value)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [clean(name), one]))
    })
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A text without the key. One that is short enough to be a word is no secret. */
function without(apiKey: string, text: string): string {
  return apiKey.length < SHORTEST_SECRET ? text : text.replaceAll(apiKey, REDACTED)
}

/** The code of a transport error: its own, or of the first address that failed. */
function codeOf(error: unknown): string | undefined {
  const own = errorCode(error)
  if (own !== undefined) return own
  const errors = (error as { errors?: unknown }).errors
  return Array.isArray(errors) ? errorCode(errors[0]) : undefined
}
