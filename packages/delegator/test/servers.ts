import { type AddressInfo, createServer, type Socket } from 'node:net'

/** An app for one test: a server that does with each connection what the test wants, and its open sockets. */
export interface Server {
  readonly url: string
  readonly sockets: ReadonlySet<Socket>
  /** Connections accepted since the start. */
  connections(): number
  close(): Promise<void>
}

export async function serve(onConnection: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/answer`,
    sockets,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Does this when a request has arrived; the requests of these tests arrive in one chunk. */
export function onRequest(act: (socket: Socket) => void): Promise<Server> {
  return serve((socket) => socket.on('data', () => act(socket)))
}

/** Answers each request with these bytes. */
export function answering(bytes: string | Buffer): Promise<Server> {
  return onRequest((socket) => socket.write(bytes))
}

/** A response with this body. */
export function response(body: string | Buffer, status = '200 OK', type = 'application/json'): Buffer {
  const bytes = Buffer.from(body)
  const head = `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

/** Sends the beginning at once, and then one byte each `everyMs` for as long as the connection lasts. */
export function dripping(head: string, everyMs: number): Promise<Server> {
  return onRequest((socket) => {
    socket.write(head)
    const timer = setInterval(() => socket.write(' '), everyMs)
    socket.on('close', () => clearInterval(timer))
  })
}

/** A URL at which nobody listens. */
export async function nobody(): Promise<Server> {
  const server = await serve(() => {})
  await server.close()
  return server
}

/** Not a server: a name that no name server knows. */
export function nameless(): Promise<Server> {
  const url = 'http://nobody.example/answer'
  return Promise.resolve({ url, sockets: new Set<Socket>(), connections: () => 0, close: async () => {} })
}
