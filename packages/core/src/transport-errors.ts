import type { FailureClass } from './failures.ts'

const BY_CODE: ReadonlyMap<string, FailureClass> = new Map<string, FailureClass>([
  ...each('timeout', [
    'ETIMEDOUT',
    'ESOCKETTIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
    'ERR_SOCKET_CONNECTION_TIMEOUT',
  ]),
  ...each('dns', [
    ...['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EFORMERR', 'ENOTIMP', 'EREFUSED', 'EBADQUERY', 'EBADNAME'],
    ...['EBADFAMILY', 'EBADRESP', 'ETIMEOUT', 'EBADSTR', 'ENONAME', 'ENOTINITIALIZED', 'ECANCELLED'],
    ...['ELOADIPHLPAPI', 'EADDRGETNETWORKPARAMS', 'EDESTRUCTION', 'ERR_INVALID_IP_ADDRESS'],
  ]),
  ...each('connection', [
    ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTCONN', 'EHOSTUNREACH', 'EHOSTDOWN'],
    ...['ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'ESHUTDOWN'],
    ...['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
    ...['ERR_STREAM_PREMATURE_CLOSE', 'ERR_SOCKET_CLOSED', 'UND_ERR_PRX_CONN', 'ERR_HTTP2_STREAM_ERROR'],
    ...['ERR_HTTP2_SESSION_ERROR', 'ERR_HTTP2_GOAWAY_SESSION'],
  ]),
  ...each('tls', [
    ...['EPROTO', 'UND_ERR_PRX_TLS', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
    ...['HOSTNAME_MISMATCH', 'INVALID_CA', 'INVALID_PURPOSE', 'PATH_LENGTH_EXCEEDED'],
    ...['ERROR_IN_CERT_NOT_BEFORE_FIELD', 'ERROR_IN_CERT_NOT_AFTER_FIELD', 'ERROR_IN_CRL_LAST_UPDATE_FIELD'],
    'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  ]),
  ...each('shutdown', ['ABORT_ERR', 'UND_ERR_ABORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED']),
  ...each('internal', [
    ...['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'UND_ERR_INVALID_ARG', 'UND_ERR_INVALID_RETURN_VALUE'],
    ...['UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'UND_ERR_BPL_MISSING_UPSTREAM'],
  ]),
])

const BY_PREFIX: readonly (readonly [string, FailureClass])[] = [
  ['EAI_', 'dns'],
  ['ERR_TLS_', 'tls'],
  ['ERR_SSL_', 'tls'],
  ['ERR_OSSL_', 'tls'],
  ['CERT_', 'tls'],
  ['CRL_', 'tls'],
  ['UNABLE_TO_', 'tls'],
  // What the other side sent is not HTTP. A proxy in trouble does that too, so it is worth another try.
  ['HPE_', 'connection'],
]

const MAX_DEPTH = 8

function each(failure: FailureClass, codes: readonly string[]): [string, FailureClass][] {
  return codes.map((code) => [code, failure])
}

function ofCode(code: unknown): FailureClass | undefined {
  if (typeof code !== 'string') return undefined
  return BY_CODE.get(code) ?? BY_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1]
}

function ofSyscall(syscall: unknown): FailureClass | undefined {
  if (typeof syscall !== 'string') return undefined
  if (syscall.startsWith('getaddrinfo') || syscall.startsWith('query')) return 'dns'
  return ['connect', 'read', 'write', 'shutdown'].includes(syscall) ? 'connection' : undefined
}

function classify(error: unknown, depth: number): FailureClass | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return undefined
  const { code, name, syscall, cause, errors } = error as {
    code?: unknown
    name?: unknown
    syscall?: unknown
    cause?: unknown
    errors?: unknown
  }
  const own = ofCode(code)
  if (own !== undefined) return own
  if (name === 'TimeoutError') return 'timeout'
  const inner = [cause, ...(Array.isArray(errors) ? errors : [])]
  for (const one of inner) {
    const found = classify(one, depth + 1)
    if (found !== undefined) return found
  }
  if (name === 'AbortError') return 'shutdown'
  // undici's general word for a broken socket: its cause, when it has one, says more.
  if (code === 'UND_ERR_SOCKET' || (typeof code === 'string' && code.startsWith('UND_ERR_PRX'))) {
    return 'connection'
  }
  return ofSyscall(syscall)
}

/**
 * The failure class of an error thrown by node's net, dns, tls and http modules or by undici, found by
 * error codes: its own first, then those of its causes and of an AggregateError's members. An abort
 * without a timeout is `shutdown`; what nobody knows is `internal`, our own fault.
 */
export function classifyTransportError(error: unknown): FailureClass {
  return classify(error, 0) ?? 'internal'
}
