import { createServer, type Socket } from 'node:net'
import { track } from '../machine/cleanup.ts'

/** A receiver that takes requests and never answers. */
export interface BlackHole {
  origin: string
  /** Connections that it holds open at the moment. */
  held(): number
  stop(): Promise<void>
}

/** Starts one on loopback. */
export async function startBlackHole(): Promise<BlackHole> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  const release = track({ close: async () => close(), kill: close })
  return { origin: `http://127.0.0.1:${address.port}`, held: () => sockets.size, stop: release }
}
