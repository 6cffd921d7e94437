import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { FailureClass } from './failures.ts'
import { classifyTransportError } from './transport-errors.ts'

const TABLE: Partial<Record<FailureClass, string[]>> = {
  timeout: [
    'ETIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
  ],
  connection: [
    ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTCONN', 'EHOSTUNREACH', 'EHOSTDOWN'],
    ...['ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_OVERFLOW'],
    ...['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_HEADER_TOKEN'],
    ...['HPE_CLOSED_CONNECTION', 'HPE_HEADER_OVERFLOW', 'UND_ERR_PRX_CONN'],
  ],
  dns: ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT'],
  tls: [
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_HAS_EXPIRED'],
    ...['CERT_NOT_YET_VALID', 'CERT_REVOKED', 'CERT_UNTRUSTED', 'CRL_HAS_EXPIRED', 'HOSTNAME_MISMATCH'],
    ...['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO'],
    ...['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'UND_ERR_PRX_TLS'],
  ],
  shutdown: ['UND_ERR_ABORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED', 'ABORT_ERR'],
  internal: ['EMFILE', 'ENFILE', 'ENOMEM', 'UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'ERR_INVALID_URL'],
}

const withCode = (code: string, more: object = {}) => Object.assign(new Error('m'), { code, ...more })
const rows = Object.entries(TABLE).flatMap(([failure, codes]) =>
  codes.map((code) => [code, failure] as const),
)

describe('classifyTransportError', () => {
  it.each(rows)('%s is %s', (code, failure) => {
    expect(classifyTransportError(withCode(code))).toBe(failure)
    expect(classifyTransportError(new TypeError('fetch failed', { cause: withCode(code) }))).toBe(failure)
    expect(classifyTransportError(new AggregateError([withCode(code)]))).toBe(failure)
  })

  it('prefers the cause of a broken socket to the general word for it', () => {
    const cause = withCode('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(classifyTransportError(withCode('UND_ERR_SOCKET', { cause }))).toBe('tls')
    expect(classifyTransportError(withCode('UND_ERR_SOCKET', { cause: new Error('m') }))).toBe('connection')
  })

  it('tells a timeout from an abort', async () => {
    const timeout = AbortSignal.timeout(0)
    await once(timeout, 'abort')
    expect(classifyTransportError(timeout.reason)).toBe('timeout')
    expect(classifyTransportError(AbortSignal.abort().reason)).toBe('shutdown')
    expect(classifyTransportError(new DOMException('m', 'AbortError'))).toBe('shutdown')
  })

  it('reads the system call of a code that nobody lists', () => {
    expect(classifyTransportError(withCode('ENEW', { syscall: 'connect' }))).toBe('connection')
    expect(classifyTransportError(withCode('ENEW', { syscall: 'getaddrinfo' }))).toBe('dns')
    expect(classifyTransportError(withCode('ENEW', { syscall: 'queryA' }))).toBe('dns')
    expect(classifyTransportError(withCode('ENEW', { syscall: 'open' }))).toBe('internal')
  })

  it('calls what nobody knows our own fault', () => {
    for (const error of [new TypeError('x is not a function'), 'text', null, undefined, 42, { code: 12 }]) {
      expect(classifyTransportError(error)).toBe('internal')
    }
  })

  it('ends on errors that are their own cause', () => {
    const error: Error = new Error('m')
    error.cause = error
    expect(classifyTransportError(error)).toBe('internal')
  })

  it('knows what node really throws', async () => {
    const server = createServer((socket) => socket.resume().end('this is not TLS\r\n'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const socket = connectTls({ host: '127.0.0.1', port })
    const [tls] = await once(socket, 'error')
    expect(classifyTransportError(tls)).toBe('tls')

    const closed = once(server, 'close')
    server.close()
    await closed
    const [refused] = await once(connect(port, '127.0.0.1'), 'error')
    expect(classifyTransportError(refused)).toBe('connection')
    const failed = await fetch(`http://127.0.0.1:${port}`).catch((e) => e)
    expect(classifyTransportError(failed)).toBe('connection')
  })
})
