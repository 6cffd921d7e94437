import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

const MEBIBYTE = Buffer.alloc(1_048_576, 'x')
/** Bytes that no text column takes: NUL, a lone continuation byte, an overlong form, a surrogate, half a character. */
export const BAD_BYTES = Buffer.concat([
  Buffer.from('before\u0000'),
  Buffer.from([0x80, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xff, 0xfe, 0xe2, 0x82]),
])

type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** What the paths of a hostile server answer with. */
export const ANSWERS: Readonly<Record<string, Answer>> = {
  '/nul-and-bad-utf8': (response) => response.writeHead(500).end(BAD_BYTES),
  '/bad-bytes-in-headers': (response) =>
    raw(response, ['HTTP/1.1 500 Oops\r\nx-odd: ', BAD_BYTES.subarray(7), '\r\ncontent-length: 0\r\n\r\n']),
  '/bad-bytes-in-reason': (response) =>
    raw(response, ['HTTP/1.1 500 ', BAD_BYTES.subarray(7), '\r\ncontent-length: 0\r\n\r\n']),
  '/fifty-megabytes-ok': (response) => stream(response.writeHead(200), 50),
  '/fifty-megabytes-failed': (response) => stream(response.writeHead(500), 50),
  '/never-stops-ok': (response) => stream(response.writeHead(200), Number.POSITIVE_INFINITY),
  '/never-stops-failed': (response) => stream(response.writeHead(503), Number.POSITIVE_INFINITY),
  '/endless-headers': (response) => {
    const { socket } = response
    socket?.write('HTTP/1.1 200 OK\r\n')
    const more = () => {
      while (socket?.writable && socket.write(`x-more: ${'y'.repeat(4_000)}\r\n`));
    }
    socket?.on('drain', more)
    more()
  },
  '/resets': (response) => response.socket?.resetAndDestroy(),
  '/resets-within-the-body': (response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('half', () => response.socket?.resetAndDestroy())
  },
  '/no-http': (response) => raw(response, [BAD_BYTES, '\r\n\r\n']),
  '/two-answers': (response) =>
    raw(response, [
      'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 Late\r\ncontent-length: 0\r\n\r\n',
    ]),
  '/broken-gzip': (response) => response.writeHead(500, { 'content-encoding': 'gzip' }).end(BAD_BYTES),
  '/switches-protocols': (response) =>
    raw(response, [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      BAD_BYTES,
    ]),
}

/** Paths that say a 2xx and then at least as much as is kept of an answer: the rest of it changes nothing. */
export const TAKEN: readonly string[] = ['/fifty-megabytes-ok', '/never-stops-ok', '/two-answers']

/** A server with one kind of malice on each path. */
export class HostileServer implements AsyncDisposable {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(): Promise<HostileServer> {
    const server = createServer((request, response) => {
      request.resume()
      request.once('end', () => ANSWERS[request.url ?? '']?.(response, request))
      response.on('error', () => undefined)
    })
    server.on('connection', (socket) => socket.on('error', () => undefined))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HostileServer(server)
  }

  url(path: string): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}${path}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

function stream(response: ServerResponse, mebibytes: number): void {
  let left = mebibytes
  const more = () => {
    while (left-- > 0 && !response.destroyed) if (!response.write(MEBIBYTE)) return
    if (!response.destroyed) response.end()
  }
  response.on('drain', more)
  more()
}

function raw(response: ServerResponse, parts: readonly (string | Buffer)[]): void {
  const whole = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
  response.socket?.end(Buffer.concat(whole))
}
