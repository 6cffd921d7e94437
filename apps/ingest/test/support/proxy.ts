import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a database that can be cut and restored, while the database itself goes on. */
export interface Proxy extends AsyncDisposable {
  /** the connection string through the proxy */
  readonly url: string
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>
  restore(): Promise<void>
  /** Nothing passes any more, and nothing is refused: as if the database were stopped. */
  hold(): void
  release(): void
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isHeld = false
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((inner) => {
    const outer = keep(connect(Number(port || 5_432), hostname.replace(/^\[|\]$/g, '')))
    keep(inner).pipe(outer).pipe(inner)
    if (isHeld) for (const socket of [inner, outer]) socket.pause()
    inner.on('close', () => outer.destroy())
    outer.on('close', () => inner.destroy())
  })
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
  await listen(0)
  const own = (server.address() as AddressInfo).port
  const url = new URL(target)
  url.host = `127.0.0.1:${own}`
  const cut = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const hold = () => {
    isHeld = true
    for (const socket of sockets) socket.pause()
  }
  const release = () => {
    isHeld = false
    for (const socket of sockets) socket.resume()
  }
  return { url: url.href, cut, restore: () => listen(own), hold, release, [Symbol.asyncDispose]: cut }
}
