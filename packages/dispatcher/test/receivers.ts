import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'

/** A server for one test, and the sockets that are open to it. */
export interface Receiver {
  readonly url: string
  readonly port: number
  readonly sockets: ReadonlySet<Socket>
  /** Connections accepted since the start. */
  connections(): number
  close(): Promise<void>
}

/** A server that speaks HTTP as it should. */
export function httpReceiver(listener: RequestListener): Promise<Receiver> {
  const server = createHttpServer((request, response) => {
    // The body must be read, or the connection cannot be used again.
    request.resume()
    listener(request, response)
  })
  server.keepAliveTimeout = 60_000
  return listen(server, 'http')
}

/** A server behind TLS with one of the certificates of `certs`. */
export function httpsReceiver(
  certificate: 'valid' | 'expired',
  listener: RequestListener,
): Promise<Receiver> {
  const pem = readCertificate(certificate)
  return listen(createHttpsServer({ key: pem, cert: pem }, listener), 'https')
}

export function readCertificate(name: 'valid' | 'expired'): Buffer {
  return readFileSync(new URL(`certs/${name}.pem`, import.meta.url))
}

/** A server that does with each connection whatever the test wants, which need not be HTTP. */
export function tcpReceiver(onConnection: (socket: Socket) => void): Promise<Receiver> {
  return listen(
    createTcpServer((socket) => {
      socket.on('error', () => socket.destroy())
      onConnection(socket)
    }),
    'http',
  )
}

/** Answers each chunk of a request with these bytes. The requests of these tests arrive in one chunk. */
export function answering(bytes: string | Buffer): Promise<Receiver> {
  return tcpReceiver((socket) => socket.on('data', () => socket.write(bytes)))
}

/** A URL at which nothing listens. */
export async function refusingUrl(): Promise<string> {
  const receiver = await tcpReceiver(() => {})
  await receiver.close()
  return receiver.url
}

async function listen(server: Server, protocol: 'http' | 'https'): Promise<Receiver> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${protocol}://127.0.0.1:${port}/hook`,
    port,
    sockets,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
