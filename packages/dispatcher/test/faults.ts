import type { Socket } from 'node:net'
import type { DispatcherOptions, DispatchRequest } from '../src/index.ts'
import {
  answering,
  httpsReceiver,
  type Receiver,
  readCertificate,
  refusingUrl,
  tcpReceiver,
} from './receivers.ts'

/** A receiver that misbehaves, and what a request to it must come to. */
export interface Fault {
  readonly name: string
  start(): Promise<Receiver>
  readonly expected: Record<string, unknown>
  readonly request?: Partial<DispatchRequest>
  readonly dispatcher?: DispatcherOptions
  /** The receiver behaves well enough that its connections are kept. */
  readonly keepsConnections?: true
}

/** Long enough for what has been sent to arrive on a busy machine. */
const SHORT = { timeoutMs: 300 }
const timedOut = { verdict: 'retryable', failure: 'timeout', errorCode: 'TIMEOUT' }
const connection = (errorCode: string) => ({ verdict: 'retryable', failure: 'connection', errorCode })
const tls = (errorCode: string) => ({ verdict: 'retryable', failure: 'tls', errorCode })

/** Writes on and on until the socket is closed, no faster than it is read. */
function floods(head: string, chunk: Buffer): Promise<Receiver> {
  return tcpReceiver((socket) => {
    socket.once('data', () => {
      socket.write(head)
      const write = () => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', write)
      write()
    })
  })
}

/** Writes a little every few milliseconds until the socket is closed. */
function drips(head: string, drop: string): Promise<Receiver> {
  return tcpReceiver((socket) => {
    socket.once('data', () => {
      socket.write(head)
      const timer = setInterval(() => socket.write(drop), 5)
      socket.on('close', () => clearInterval(timer))
    })
  })
}

function onRequest(act: (socket: Socket) => void): Promise<Receiver> {
  return tcpReceiver((socket) => socket.once('data', () => act(socket)))
}

/** Not a receiver at all: an address with nobody behind it. */
async function nobody(url: Promise<string> | string): Promise<Receiver> {
  return { url: await url, port: 0, sockets: new Set(), connections: () => 0, close: async () => {} }
}

async function asHttps(receiver: Promise<Receiver>): Promise<Receiver> {
  const started = await receiver
  return { ...started, url: started.url.replace('http:', 'https:') }
}

async function asHttp(receiver: Promise<Receiver>): Promise<Receiver> {
  const started = await receiver
  return { ...started, url: started.url.replace('https:', 'http:') }
}

const KIB_OF_CHUNK = Buffer.concat([Buffer.from('4000\r\n'), Buffer.alloc(0x4000, 'x'), Buffer.from('\r\n')])

export const FAULTS: readonly Fault[] = [
  {
    name: 'accepts and never answers',
    start: () => tcpReceiver((socket) => socket.resume()),
    request: SHORT,
    expected: timedOut,
  },
  {
    name: 'stops in the middle of its headers',
    start: () => answering('HTTP/1.1 200 OK\r\nx-a: '),
    request: SHORT,
    expected: timedOut,
  },
  {
    name: 'stops after its headers',
    start: () => answering('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'),
    request: SHORT,
    expected: { ...timedOut, status: 200 },
  },
  {
    name: 'drips headers',
    start: () => drips('HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'),
    request: SHORT,
    expected: timedOut,
  },
  {
    name: 'drips its body',
    start: () => drips('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'),
    request: SHORT,
    expected: { ...timedOut, status: 200 },
  },
  {
    name: 'drips its body beyond the limit',
    start: () => drips('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '4\r\nxxxx\r\n'),
    request: { ...SHORT, responseLimitBytes: 3, capture: 'always' },
    expected: { verdict: 'success', status: 200, responseTruncated: true, responseBody: Buffer.from('xxx') },
  },
  {
    name: 'announces 50 MB and sends them',
    start: () => floods('HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n', Buffer.alloc(65_536, 'x')),
    expected: { verdict: 'success', status: 200, responseTruncated: true },
  },
  {
    name: 'fails with a body without end',
    start: () => floods('HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n', KIB_OF_CHUNK),
    expected: {
      ...{ verdict: 'retryable', failure: 'http_5xx', errorCode: 'HTTP_500', status: 500 },
      ...{ responseTruncated: true, responseBody: Buffer.alloc(4_096, 'x') },
    },
  },
  {
    name: 'sends informational responses without end',
    start: () => drips('', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    request: SHORT,
    expected: timedOut,
  },
  {
    name: 'upgrades without being asked',
    start: () =>
      answering('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    expected: connection('SOCKET_CLOSED'),
  },
  {
    name: 'answers with something that is not HTTP',
    start: () => answering('220 smtp.example.com ESMTP\r\n\r\n'),
    expected: connection('NOT_HTTP'),
  },
  {
    name: 'answers with status 099',
    start: () => answering('HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n'),
    expected: connection('NOT_HTTP'),
  },
  {
    name: 'answers with NUL in a header',
    start: () => answering('HTTP/1.1 200 OK\r\nx-a: a\0b\r\ncontent-length: 0\r\n\r\n'),
    expected: connection('NOT_HTTP'),
  },
  {
    name: 'answers with one header of 1 MB',
    start: () => answering(`HTTP/1.1 200 OK\r\nx-a: ${'x'.repeat(1 << 20)}\r\n\r\n`),
    expected: connection('HEADERS_TOO_LARGE'),
  },
  {
    name: 'answers with ten thousand headers',
    start: () => answering(`HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(10_000)}\r\n`),
    expected: connection('HEADERS_TOO_LARGE'),
  },
  {
    name: 'sends trailers without end',
    start: () =>
      floods(
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n',
        Buffer.from('x:y\r\n'.repeat(2_000)),
      ),
    expected: { ...connection('HEADERS_TOO_LARGE'), status: 200 },
  },
  {
    name: 'sends a chunk extension without end',
    start: () =>
      floods('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=', Buffer.alloc(10_000, 'x')),
    expected: { ...connection('HEADERS_TOO_LARGE'), status: 200 },
  },
  {
    name: 'resets on the request',
    start: () => onRequest((socket) => socket.resetAndDestroy()),
    expected: connection('ECONNRESET'),
  },
  {
    name: 'closes on the request',
    start: () => onRequest((socket) => socket.end()),
    expected: connection('SOCKET_CLOSED'),
  },
  {
    name: 'closes in the middle of its body',
    start: () => onRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc')),
    expected: { ...connection('SOCKET_CLOSED'), status: 200 },
  },
  {
    name: 'refuses the connection',
    start: () => nobody(refusingUrl()),
    expected: connection('ECONNREFUSED'),
  },
  {
    name: 'has no DNS entry',
    start: () => nobody('http://nobody.example/'),
    dispatcher: {
      resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })),
    },
    expected: { verdict: 'retryable', failure: 'dns', errorCode: 'ENOTFOUND' },
  },
  {
    name: 'has a name server that never answers',
    start: () => nobody('http://silent.example/'),
    dispatcher: { resolve: () => new Promise(() => {}) },
    request: { connectTimeoutMs: 40 },
    expected: { verdict: 'retryable', failure: 'timeout', errorCode: 'CONNECT_TIMEOUT' },
  },
  {
    name: 'has a name server that outlasts the deadline',
    start: () => nobody('http://silent.example/'),
    dispatcher: { resolve: () => new Promise(() => {}) },
    request: { ...SHORT, connectTimeoutMs: 60_000 },
    expected: timedOut,
  },
  {
    name: 'resolves to an address that is not allowed',
    start: () => nobody('http://rebind.example/'),
    dispatcher: {
      resolve: async () => [
        { address: '127.0.0.1', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ],
    },
    expected: { verdict: 'permanent', failure: 'blocked', errorCode: 'BLOCKED' },
  },
  {
    name: 'has a certificate that nobody signed',
    start: () => httpsReceiver('valid', (_, response) => response.end()),
    expected: tls('DEPTH_ZERO_SELF_SIGNED_CERT'),
  },
  {
    name: 'has an expired certificate',
    start: () => httpsReceiver('expired', (_, response) => response.end()),
    dispatcher: { tls: { ca: readCertificate('expired') } },
    expected: tls('CERT_HAS_EXPIRED'),
  },
  {
    name: 'speaks plain HTTP where TLS is expected',
    start: () => asHttps(onRequest((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))),
    expected: { verdict: 'retryable', failure: 'tls' },
  },
  {
    name: 'speaks TLS where plain HTTP is expected',
    start: () => asHttp(httpsReceiver('valid', (_, response) => response.end())),
    expected: { verdict: 'retryable', failure: 'connection' },
  },
  {
    name: 'accepts and never answers the TLS handshake',
    start: () => asHttps(tcpReceiver((socket) => socket.resume())),
    request: { connectTimeoutMs: 60 },
    expected: { verdict: 'retryable', failure: 'timeout', errorCode: 'CONNECT_TIMEOUT' },
  },
  {
    name: 'redirects',
    start: () =>
      answering('HTTP/1.1 307 Temporary\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
    expected: { verdict: 'permanent', failure: 'http_3xx', errorCode: 'HTTP_307', status: 307 },
    keepsConnections: true,
  },
  {
    name: 'answers 204',
    start: () => answering('HTTP/1.1 204 No Content\r\n\r\n'),
    expected: { verdict: 'success', status: 204, bytesReceived: 0 },
    keepsConnections: true,
  },
]
