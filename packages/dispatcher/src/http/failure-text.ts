import { classifyTransportError, type FailureClass } from '@posthorn/core'
import { errors } from 'undici'
import { BLOCKED_MESSAGE } from '../network/network-policy.ts'
import { toStorableText } from '../storable-text.ts'

/** What a failure is called in a result: a stable code and a sentence. */
export interface FailureText {
  readonly errorCode: string
  readonly errorMessage: string
}

const SENTENCES: Partial<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused',
  ECONNRESET: 'The connection was reset',
  EPIPE: 'The connection was closed while the request was sent',
  EHOSTUNREACH: 'The host is unreachable',
  ENETUNREACH: 'The network is unreachable',
  SOCKET_CLOSED: 'The connection was closed before the response was complete',
  HEADERS_TOO_LARGE: 'The response headers are too large',
  INCOMPLETE_BODY: 'The response body does not have the announced length',
  NOT_HTTP: 'The answer is not HTTP',
  CONNECT_TIMEOUT: 'No connection within the connect timeout',
  ETIMEDOUT: 'The connection timed out',
}

const BY_CLASS: Partial<Record<FailureClass, string>> = {
  timeout: 'No complete response in time',
  connection: 'The connection failed',
  dns: 'The host name could not be resolved',
  tls: 'The TLS connection could not be established',
  shutdown: 'The request was given up',
  internal: 'The request could not be made',
}

/** undici's names, which are those of a library, in the words of this package. */
const RENAMED: Partial<Record<string, string>> = {
  UND_ERR_SOCKET: 'SOCKET_CLOSED',
  UND_ERR_CONNECT_TIMEOUT: 'CONNECT_TIMEOUT',
  UND_ERR_HEADERS_OVERFLOW: 'HEADERS_TOO_LARGE',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'INCOMPLETE_BODY',
}

const MAX_DETAIL_LENGTH = 200

/** The uniform words for a refused address. */
export const BLOCKED_TEXT: FailureText = { errorCode: 'BLOCKED', errorMessage: BLOCKED_MESSAGE }

/** The class of a transport error. The parser's own errors say by their kind, not always by a code, what they are. */
export function classifyFailure(error: unknown): FailureClass {
  return error instanceof errors.HTTPParserError ? 'connection' : classifyTransportError(error)
}

/**
 * Names a transport error without repeating its message, which may hold the address that a name resolved to. A mistake
 * in the request itself keeps its message, since that says which part is wrong.
 */
export function describeFailure(failure: FailureClass, error: unknown): FailureText {
  const errorCode = codeOf(error) ?? failure.toUpperCase()
  const sentence = SENTENCES[errorCode] ?? BY_CLASS[failure] ?? BY_CLASS.internal ?? ''
  if (failure === 'internal') return { errorCode, errorMessage: `${sentence}: ${detailOf(error)}` }
  const isSaidByCode = failure === 'tls' || failure === 'dns'
  return { errorCode, errorMessage: isSaidByCode ? `${sentence} (${errorCode})` : sentence }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof errors.HTTPParserError) return 'NOT_HTTP'
  const code = property(error, 'code')
  return typeof code === 'string' ? (RENAMED[code] ?? code) : undefined
}

function detailOf(error: unknown): string {
  if (property(error, 'syscall') !== undefined) return 'system error'
  return toStorableText(error instanceof Error ? error.message : 'unknown error').slice(0, MAX_DETAIL_LENGTH)
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
